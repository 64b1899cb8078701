// CUTLASS's GEMMs trigger their dependents while they still write, whatever kernel follows; kernels of cuDNN
// and cuBLASLt then read too early (LaunchContext::pdl_trigger). This header makes the trigger do nothing, so
// that dependents start when the GEMM is done; it is included before anything of CUTLASS.
#pragma once

#include "cutlass/arch/grid_dependency_control.h"

namespace cutlass::arch {
CUTLASS_DEVICE void keep_trigger_for_the_end() {}
}  // namespace cutlass::arch

#define launch_dependent_grids keep_trigger_for_the_end
