#include "engine/cuda/cutlass/product.cuh"

namespace peregrine::cuda::tiles {

void product_64x128(const Product& product, int multiprocessors, const Queue& queue) {
  launch_product<64, 128, Pingpong>(product, multiprocessors, queue);
}

}  // namespace peregrine::cuda::tiles
