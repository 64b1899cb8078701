#include "engine/cuda/kernels/cutlass/gemm.cuh"

namespace peregrine::cuda::tiles {

void gemm_64x128(const GemmProblem& gemm, int multiprocessors, const LaunchContext& context) {
  launch_gemm<64, 128, Pingpong>(gemm, multiprocessors, context);
}

}  // namespace peregrine::cuda::tiles
