#include "engine/cuda/cutlass/window.cuh"

namespace peregrine::cuda::tiles {

void window_64x64x64(const Window& window, const Queue& queue) { launch_window<64, 64, 64, 4>(window, queue); }
void window_128x64x64(const Window& window, const Queue& queue) { launch_window<128, 64, 64, 4>(window, queue); }

}  // namespace peregrine::cuda::tiles
