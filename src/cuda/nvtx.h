// The process's ranges for NVIDIA's profilers.
#pragma once

namespace peregrine::trace {

/// From now on every Range is an NVTX range of the domain "peregrine", for the rest of the process; once is
/// enough. Without a profiler that asks for them (NVTX_INJECTION64_PATH) they go nowhere.
void send_to_nvtx();

}  // namespace peregrine::trace
