// One migration or rollback of a store at a time.
#pragma once

#include "engine_cache/store/files.h"
#include "engine_cache/store/store.h"

namespace peregrine::migrate {

/// Held while it lives, and released by the kernel when the process dies.
class Lock {
 public:
  /// Makes the store's folders. Throws "store.busy" when another process, or another Lock of this one, holds
  /// it; "store.write".
  explicit Lock(const store::Store& store);

 private:
  store::FileLock lock_;
};

}  // namespace peregrine::migrate
