// Reads from pipes without waiting longer than somebody wants to.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>

namespace peregrine {

/// ::read() of a descriptor, once it has something or has ended. Waits in short steps: when `stop` (if set)
/// says so, -1 with errno ECANCELED. A pipe opened with O_NONBLOCK may still be without a writer: its first
/// one is waited for.
ssize_t read_when_ready(int descriptor, void* to, std::size_t size, const std::function<bool()>& stop);

}  // namespace peregrine
