#include "core/trace.h"

#include <atomic>

#include "peregrine/error.h"

namespace peregrine::trace {

namespace {
std::array<std::atomic<Listener*>, most_listeners> listeners{};
}

Listening::Listening(Listener& listener) {
  for (place_ = 0; place_ < most_listeners; ++place_) {
    Listener* nobody = nullptr;
    if (listeners[place_].compare_exchange_strong(nobody, &listener)) return;
  }
  throw Error("internal.trace", "Ranges have too many listeners already.");
}

Listening::~Listening() { listeners[place_] = nullptr; }

Range::Range(std::string_view name) {
  for (std::size_t i = 0; i < most_listeners; ++i) {
    heard_by_[i] = listeners[i].load(std::memory_order_acquire);
    if (heard_by_[i]) heard_by_[i]->begin(name);
  }
}

Range::~Range() {
  for (std::size_t i = most_listeners; i-- > 0;)
    if (heard_by_[i]) heard_by_[i]->end();
}

}  // namespace peregrine::trace
