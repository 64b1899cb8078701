// What the host does for a launch of depthwise_pointwise.cuh.
#pragma once

#include <algorithm>

#include "engine/cuda/kernels/sm90/depthwise_pointwise/depthwise_pointwise.cuh"
#include "engine/cuda/kernels/sm90/depthwise_pointwise/depthwise_pointwise.h"
#include "engine/cuda/kernels/sm90/smem_budget.h"
#include "engine/cuda/kernels/sm90/tensor_map.cuh"

namespace peregrine::cuda::tiles {

template <class K>
DepthwisePointwiseParams arguments_of(const DepthwisePointwise& step, const Memory& memory, int blocks) {
  using device::pointer_to;
  const Extents x = extents_of(step.x), y = extents_of(step.y);
  DepthwisePointwiseParams a{};
  a.channels = x.c, a.k_tiles = device::divide_up(x.c, K::tile_k);
  a.stages = stages_of<K>(a.k_tiles, blocks);
  a.x = tensor_map(pointer_to<const __half>(step.x, memory), x, {x.image, x.row, x.pixel},
                   {K::tile_k, K::halo_edge, K::halo_edge, 1}, CU_TENSOR_MAP_SWIZZLE_NONE);
  a.y = tensor_map(pointer_to<const __half>(step.y, memory), y, {y.image, y.row, y.pixel},
                   {K::box, edge, edge, 1}, swizzle_of(K::box));
  a.depthwise = pointer_to<const __half>(step.weight1, memory),
  a.pointwise = pointer_to<const __half>(step.weight2, memory);
  a.bias1 = pointer_to<const float>(step.bias1, memory),
  a.bias2 = pointer_to<const float>(step.bias2, memory);
  a.activation1 = step.activation1, a.activation2 = step.activation2;
  a.tiles_w = device::divide_up(y.w, edge), a.tiles_h = device::divide_up(y.h, edge);
  a.tiles = y.n * a.tiles_h * a.tiles_w;
  return a;
}

template <class K>
void launch_depthwise_pointwise(const DepthwisePointwise& step, const Memory& memory, int multiprocessors,
                                int blocks, const LaunchContext& context) {
  const DepthwisePointwiseParams a = arguments_of<K>(step, memory, blocks);
  check(cudaFuncSetAttribute(depthwise_pointwise<K>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             most_block_bytes),
        "cudaFuncSetAttribute");
  const int splits = static_cast<int>(step.y.shape[1]) / K::tile_n;
  const int at_once = std::max(1, multiprocessors * blocks / splits);
  const dim3 grid(static_cast<unsigned>(std::min(a.tiles, at_once)), static_cast<unsigned>(splits));
  device::launch_pdl_kernel(context, "depthwise_pointwise", depthwise_pointwise<K>, grid, K::threads,
                            static_cast<std::size_t>(K::shared_bytes(a.k_tiles, a.stages)), a);
}

template <int tile_n, int consumers>
constexpr DepthwisePointwiseTile depthwise_pointwise_tile() {
  using K = DepthwisePointwiseLayout<tile_n, consumers>;
  const auto fits = [](int channels, int blocks) {
    return blocks * K::threads <= most_threads &&
           stages_of<K>(device::divide_up(channels, K::tile_k), blocks) > 0;
  };
  return {tile_n, consumers, fits, launch_depthwise_pointwise<K>};
}

}  // namespace peregrine::cuda::tiles
