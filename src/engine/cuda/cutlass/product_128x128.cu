#include "engine/cuda/cutlass/product.cuh"

namespace peregrine::cuda::tiles {

void product_128x128(const Product& product, int multiprocessors, const Queue& queue) {
  launch_product<128, 128, Pingpong>(product, multiprocessors, queue);
}

}  // namespace peregrine::cuda::tiles
