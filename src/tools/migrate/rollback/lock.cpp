#include "tools/migrate/rollback/lock.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "core/text.h"
#include "peregrine/error.h"

namespace peregrine::migrate {

namespace {

store::FileLock take(const store::Store& store) {
  store.prepare();
  auto lock = store::FileLock::try_lock(store.root() / "locks" / "migrate");
  if (!lock)
    throw Error(
        "store.busy",
        fmt::format("Another migration is at work on the store {}.", printable(store.root().native())),
        "Try again when it is done.");
  return std::move(*lock);
}

}  // namespace

Lock::Lock(const store::Store& store) : lock_(take(store)) {}

}  // namespace peregrine::migrate
