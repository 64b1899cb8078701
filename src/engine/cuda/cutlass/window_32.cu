#include "engine/cuda/cutlass/window.cuh"

namespace peregrine::cuda::tiles {

void window_64x32x32(const Window& window, const Queue& queue) { launch_window<64, 32, 32, 6>(window, queue); }
void window_128x32x32(const Window& window, const Queue& queue) { launch_window<128, 32, 32, 5>(window, queue); }

}  // namespace peregrine::cuda::tiles
