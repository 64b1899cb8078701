#include "engine/cuda/cutlass/product.cuh"

namespace peregrine::cuda::tiles {

void product_128x256(const Product& product, int multiprocessors, const Queue& queue) {
  launch_product<128, 256, Cooperative>(product, multiprocessors, queue);
}

}  // namespace peregrine::cuda::tiles
