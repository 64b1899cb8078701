// CUTLASS's products let the next kernel of the stream in while they still write, whoever it is; those of cuDNN and cuBLASLt then
// read too early (Queue::followed). Here they let nobody in before they are done; included before anything of CUTLASS.
#pragma once

#include "cutlass/arch/grid_dependency_control.h"

namespace cutlass::arch {
CUTLASS_DEVICE void let_nobody_in() {}
}  // namespace cutlass::arch

#define launch_dependent_grids let_nobody_in
