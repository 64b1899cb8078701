// What the host does for a launch of conv3x3_sm90.cuh.
#pragma once

#include <algorithm>
#include <array>

#include "engine/cuda/kernels/sm90/conv3x3/conv3x3_sm90.cuh"
#include "engine/cuda/kernels/sm90/conv3x3/conv3x3_sm90.h"
#include "engine/cuda/kernels/sm90/smem_budget.h"
#include "engine/cuda/kernels/sm90/tensor_map.cuh"

namespace peregrine::cuda::tiles {

/// Blocks, or clusters of them, that the GPU holds at once.
template <class K>
int resident(int multiprocessors, int blocks, const cudaLaunchConfig_t& config) {
  if constexpr (K::split == 1) return multiprocessors * blocks;
  int clusters = 0;
  check(cudaOccupancyMaxActiveClusters(&clusters, conv3x3_sm90<K>, &config),
        "cudaOccupancyMaxActiveClusters");
  return std::min(clusters, multiprocessors * blocks / K::split);
}

/// Every pixel, or those of odd or even rows and columns.
template <class K>
CUtensorMap plane_of(const ConvProblem& w, int parity_plane) {
  Extents x = w.from;
  const int row = parity_plane / 2, column = parity_plane % 2;
  const __half* data = w.x + row * x.row + column * x.pixel;
  x.h = device::divide_up(x.h - row, K::stride), x.w = device::divide_up(x.w - column, K::stride);
  return tensor_map(data, x, {x.image, K::stride * x.row, K::stride * x.pixel},
                    {K::tile_k, K::plane_edge, K::plane_edge, 1}, swizzle_of(K::tile_k));
}

template <class K>
Conv3x3Params arguments_of(const ConvProblem& w, int blocks) {
  const Extents &x = w.from, &y = w.to;
  Conv3x3Params a{};
  a.k_tiles = device::divide_up(x.c, K::tile_k * K::split);
  a.stages = stages_of<K>(a.k_tiles, blocks);
  for (int parity_plane = 0; parity_plane < K::parity_planes; ++parity_plane)
    a.x[parity_plane] = plane_of<K>(w, parity_plane);
  a.weight = tensor_map<3>(w.weight, {x.c, window_taps, y.c}, {x.c, window_taps * std::int64_t{x.c}},
                           {K::tile_k, 1, K::tile_n}, swizzle_of(K::tile_k));
  const std::array<int, 4> tile{K::own_tile_n, edge, edge, 1};
  a.y = tensor_map(w.y, y, {y.image, y.row, y.pixel}, tile, swizzle_of(K::own_tile_n));
  a.has_residual = w.epilogue.residual != nullptr;
  if (a.has_residual)
    a.residual = tensor_map(w.epilogue.residual, y, w.residual_strides, tile, swizzle_of(K::own_tile_n));
  a.bias = w.epilogue.bias, a.out_channels = y.c;
  a.residual_place = w.epilogue.residual_place, a.activation = w.epilogue.activation;
  a.tiles_w = device::divide_up(y.w, edge), a.tiles_h = device::divide_up(y.h, edge);
  a.tiles = y.n * a.tiles_h * a.tiles_w;
  return a;
}

template <class K>
void launch_conv3x3(const ConvProblem& w, int multiprocessors, int blocks, const LaunchContext& context) {
  const Conv3x3Params a = arguments_of<K>(w, blocks);
  const int shared_bytes = K::shared_bytes(a.k_tiles, a.stages),
            splits = device::divide_up(w.to.c, K::tile_n);
  // One limit for all launches: those captured in a graph keep their own sizes, whatever a later launch
  // needs.
  check(cudaFuncSetAttribute(conv3x3_sm90<K>, cudaFuncAttributeMaxDynamicSharedMemorySize, most_block_bytes),
        "cudaFuncSetAttribute");
  device::LaunchConfig config(context, dim3(1, 1, K::split), K::threads,
                              static_cast<std::size_t>(shared_bytes), K::split);
  const int at_once = std::max(1, resident<K>(multiprocessors, blocks, config.get()) / splits);
  config.set_grid(
      dim3(static_cast<unsigned>(std::min(a.tiles, at_once)), static_cast<unsigned>(splits), K::split));
  device::launch_kernel(config, "conv3x3_sm90", conv3x3_sm90<K>, a, device::PdlTrigger{context.pdl_trigger});
}

template <int tile_k, int tile_n, int consumers, int split = 1, int stride = 1>
constexpr Conv3x3Tile conv3x3_tile() {
  using K = Conv3x3Layout<tile_k, tile_n, consumers, split, stride>;
  const auto fits = [](int channels, int blocks) {
    const bool shared_evenly = split == 1 || channels % (tile_k * split) == 0;
    return shared_evenly && stages_of<K>(device::divide_up(channels, tile_k * split), blocks) > 0;
  };
  return {tile_k, tile_n, consumers, split, stride, fits, launch_conv3x3<K>};
}

}  // namespace peregrine::cuda::tiles
