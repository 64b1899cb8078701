#include "engine/cuda/kernels/cutlass/implicit_gemm.cuh"

namespace peregrine::cuda::tiles {

void implicit_gemm_64x64x64(const ConvProblem& problem, const LaunchContext& context) {
  launch_implicit_gemm<64, 64, 64, 4>(problem, context);
}
void implicit_gemm_128x64x64(const ConvProblem& problem, const LaunchContext& context) {
  launch_implicit_gemm<128, 64, 64, 4>(problem, context);
}

}  // namespace peregrine::cuda::tiles
