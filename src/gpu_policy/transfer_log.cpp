#include "gpu_policy/transfer_log.h"

#include <array>
#include <atomic>

namespace peregrine::transfer_log {

namespace {

thread_local Recording* innermost = nullptr;

struct Counter {
  std::atomic<std::uint64_t> transfers{0}, bytes{0};
};

Counter& counter(Direction direction) noexcept {
  static std::array<Counter, 2> counters;
  return counters[static_cast<std::size_t>(direction)];
}

}  // namespace

const char* to_string(Direction direction) noexcept {
  return direction == Direction::host_to_device ? "host_to_device" : "device_to_host";
}

Recording::Recording(Nested nested) : outer_(innermost), nested_(nested) { innermost = this; }
Recording::~Recording() { innermost = outer_; }

std::uint64_t Recording::bytes(Direction direction) const noexcept {
  std::uint64_t sum = 0;
  for (const Transfer& transfer : transfers_)
    if (transfer.direction == direction) sum += transfer.bytes;
  return sum;
}

void record(std::string_view name, Direction direction, std::uint64_t bytes) {
  for (Recording* recording = innermost; recording; recording = recording->outer_) {
    recording->transfers_.push_back({std::string(name), direction, bytes});
    if (recording->nested_ == Recording::Nested::keep_from_outer) return;
  }
  counter(direction).transfers.fetch_add(1, std::memory_order_relaxed);
  counter(direction).bytes.fetch_add(bytes, std::memory_order_relaxed);
}

Totals totals(Direction direction) noexcept {
  const Counter& of = counter(direction);
  return {of.transfers.load(std::memory_order_relaxed), of.bytes.load(std::memory_order_relaxed)};
}

}  // namespace peregrine::transfer_log
