// What the host does for a launch of halo.cuh.
#pragma once

#include <algorithm>
#include <array>

#include "engine/cuda/hopper/halo.cuh"
#include "engine/cuda/hopper/halo.h"
#include "engine/cuda/hopper/residency.h"
#include "engine/cuda/hopper/tensor_map.cuh"

namespace peregrine::cuda::tiles {

/// A launch without its grid; `attributes` outlives it.
template <class K>
cudaLaunchConfig_t configuration(int shared_bytes, const Queue& queue, std::array<cudaLaunchAttribute, 2>& attributes) {
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(1, 1, K::split), config.blockDim = dim3(K::threads);
  config.dynamicSmemBytes = static_cast<std::size_t>(shared_bytes);
  config.stream = queue.stream;
  config.attrs = attributes.data();
  if constexpr (K::split > 1) {
    attributes[config.numAttrs].id = cudaLaunchAttributeClusterDimension;
    attributes[config.numAttrs++].val.clusterDim = {1, 1, K::split};
  }
  if (queue.dependent) attributes[config.numAttrs++] = device::start_early();
  return config;
}

/// Blocks, or clusters of them, that the GPU holds at once.
template <class K>
int resident(int multiprocessors, int blocks, const cudaLaunchConfig_t& config) {
  if constexpr (K::split == 1) return multiprocessors * blocks;
  int clusters = 0;
  check(cudaOccupancyMaxActiveClusters(&clusters, halo<K>, &config), "cudaOccupancyMaxActiveClusters");
  return std::min(clusters, multiprocessors * blocks / K::split);
}

/// Every pixel, or those of odd or even rows and columns.
template <class K>
CUtensorMap plane_of(const Window& w, int plane) {
  Extents x = w.from;
  const int row = plane / 2, column = plane % 2;
  const __half* data = w.x + row * x.row + column * x.pixel;
  x.h = device::divide_up(x.h - row, K::stride), x.w = device::divide_up(x.w - column, K::stride);
  return tensor_map(data, x, {x.picture, K::stride * x.row, K::stride * x.pixel}, {K::chunk, K::plane_edge, K::plane_edge, 1},
                    swizzle_of(K::chunk));
}

template <class K>
HaloArguments arguments_of(const Window& w, int blocks) {
  const Extents &x = w.from, &y = w.to;
  HaloArguments a{};
  a.chunks = device::divide_up(x.c, K::chunk * K::split);
  a.depth = depth_of<K>(a.chunks, blocks);
  for (int plane = 0; plane < K::planes; ++plane) a.x[plane] = plane_of<K>(w, plane);
  a.weight = tensor_map<3>(w.weight, {x.c, window_taps, y.c}, {x.c, window_taps * std::int64_t{x.c}}, {K::chunk, 1, K::columns},
                           swizzle_of(K::chunk));
  const std::array<int, 4> tile{K::own_columns, edge, edge, 1};
  a.y = tensor_map(w.y, y, {y.picture, y.row, y.pixel}, tile, swizzle_of(K::own_columns));
  a.has_residual = w.ending.residual != nullptr;
  if (a.has_residual) a.residual = tensor_map(w.ending.residual, y, w.residual_strides, tile, swizzle_of(K::own_columns));
  a.bias = w.ending.bias, a.columns = y.c;
  a.residual_place = w.ending.residual_place, a.activation = w.ending.activation;
  a.tiles_w = device::divide_up(y.w, edge), a.tiles_h = device::divide_up(y.h, edge);
  a.tiles = y.n * a.tiles_h * a.tiles_w;
  return a;
}

template <class K>
void launch_halo(const Window& w, int multiprocessors, int blocks, const Queue& queue) {
  const HaloArguments a = arguments_of<K>(w, blocks);
  const int shared_bytes = K::shared_bytes(a.chunks, a.depth), splits = device::divide_up(w.to.c, K::columns);
  // One limit for all launches: those captured in a graph keep their own sizes, whatever a later launch needs.
  check(cudaFuncSetAttribute(halo<K>, cudaFuncAttributeMaxDynamicSharedMemorySize, most_block_bytes), "cudaFuncSetAttribute");
  std::array<cudaLaunchAttribute, 2> attributes{};
  cudaLaunchConfig_t config = configuration<K>(shared_bytes, queue, attributes);
  const int at_once = std::max(1, resident<K>(multiprocessors, blocks, config) / splits);
  config.gridDim = dim3(static_cast<unsigned>(std::min(a.tiles, at_once)), static_cast<unsigned>(splits), K::split);
  (void)cudaLaunchKernelEx(&config, halo<K>, a, device::Successor{queue.followed});  // what it answers is the last error too
  check_launch("halo");
}

template <int chunk, int columns, int consumers, int split = 1, int stride = 1>
constexpr HaloTile halo_tile() {
  using K = Halo<chunk, columns, consumers, split, stride>;
  const auto fits = [](int channels, int blocks) {
    const bool shared_evenly = split == 1 || channels % (chunk * split) == 0;
    return shared_evenly && depth_of<K>(device::divide_up(channels, chunk * split), blocks) > 0;
  };
  return {chunk, columns, consumers, split, stride, fits, launch_halo<K>};
}

}  // namespace peregrine::cuda::tiles
