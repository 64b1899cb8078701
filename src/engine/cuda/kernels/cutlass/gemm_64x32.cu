#include "engine/cuda/kernels/cutlass/gemm.cuh"

namespace peregrine::cuda::tiles {

void gemm_64x32(const GemmProblem& gemm, int multiprocessors, const LaunchContext& context) {
  launch_gemm<64, 32, Pingpong>(gemm, multiprocessors, context);
}

}  // namespace peregrine::cuda::tiles
