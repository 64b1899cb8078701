#include "engine/cuda/kernels/cutlass/gemm.cuh"

namespace peregrine::cuda::tiles {

void gemm_128x64(const GemmProblem& gemm, int multiprocessors, const LaunchContext& context) {
  launch_gemm<128, 64, Pingpong>(gemm, multiprocessors, context);
}

}  // namespace peregrine::cuda::tiles
