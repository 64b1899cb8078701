#include "engine/cuda/kernels/cutlass/implicit_gemm.cuh"

namespace peregrine::cuda::tiles {

void implicit_gemm_64x32x32(const ConvProblem& problem, const LaunchContext& context) {
  launch_implicit_gemm<64, 32, 32, 6>(problem, context);
}
void implicit_gemm_128x32x32(const ConvProblem& problem, const LaunchContext& context) {
  launch_implicit_gemm<128, 32, 32, 5>(problem, context);
}

}  // namespace peregrine::cuda::tiles
