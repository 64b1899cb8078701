// What the host does for a launch of separable.cuh.
#pragma once

#include <algorithm>

#include "engine/cuda/hopper/residency.h"
#include "engine/cuda/hopper/separable.cuh"
#include "engine/cuda/hopper/separable.h"
#include "engine/cuda/hopper/tensor_map.cuh"

namespace peregrine::cuda::tiles {

template <class K>
SeparableArguments arguments_of(const Separable& step, const Memory& memory, int blocks) {
  using device::pointer_to;
  const Extents x = extents_of(step.x), y = extents_of(step.y);
  SeparableArguments a{};
  a.channels = x.c, a.chunks = device::divide_up(x.c, K::chunk);
  a.depth = depth_of<K>(a.chunks, blocks);
  a.x = tensor_map(pointer_to<const __half>(step.x, memory), x, {x.picture, x.row, x.pixel},
                   {K::chunk, K::ring_edge, K::ring_edge, 1}, CU_TENSOR_MAP_SWIZZLE_NONE);
  a.y = tensor_map(pointer_to<const __half>(step.y, memory), y, {y.picture, y.row, y.pixel}, {K::box, edge, edge, 1},
                   swizzle_of(K::box));
  a.depthwise = pointer_to<const __half>(step.weight1, memory), a.pointwise = pointer_to<const __half>(step.weight2, memory);
  a.bias1 = pointer_to<const float>(step.bias1, memory), a.bias2 = pointer_to<const float>(step.bias2, memory);
  a.activation1 = step.activation1, a.activation2 = step.activation2;
  a.tiles_w = device::divide_up(y.w, edge), a.tiles_h = device::divide_up(y.h, edge);
  a.tiles = y.n * a.tiles_h * a.tiles_w;
  return a;
}

template <class K>
void launch_separable(const Separable& step, const Memory& memory, int multiprocessors, int blocks, const Queue& queue) {
  const SeparableArguments a = arguments_of<K>(step, memory, blocks);
  check(cudaFuncSetAttribute(separable<K>, cudaFuncAttributeMaxDynamicSharedMemorySize, most_block_bytes),
        "cudaFuncSetAttribute");
  const int splits = static_cast<int>(step.y.shape[1]) / K::columns;
  const int at_once = std::max(1, multiprocessors * blocks / splits);
  const dim3 grid(static_cast<unsigned>(std::min(a.tiles, at_once)), static_cast<unsigned>(splits));
  device::launch_on(queue, "separable", separable<K>, grid, K::threads,
                    static_cast<std::size_t>(K::shared_bytes(a.chunks, a.depth)), a);
}

template <int columns, int consumers>
constexpr SeparableTile separable_tile() {
  using K = SeparableForm<columns, consumers>;
  const auto fits = [](int channels, int blocks) {
    return blocks * K::threads <= most_threads && depth_of<K>(device::divide_up(channels, K::chunk), blocks) > 0;
  };
  return {columns, consumers, fits, launch_separable<K>};
}

}  // namespace peregrine::cuda::tiles
