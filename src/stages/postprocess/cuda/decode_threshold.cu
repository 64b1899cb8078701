// Which anchors hold something. One block looks at 64 anchors of one level, four threads an anchor; what it
// finds goes to its own part of the key list, so that nothing has to be reset or reserved between blocks.
#include "stages/postprocess/cuda/batch.h"

namespace peregrine::postprocess {
namespace {

constexpr int parts = 4;  // threads an anchor: a share of the classes, then one side of the box each
constexpr int threads = tile_anchors * parts;

struct Best {
  float value;
  int index;
};

// ------------------------------------------------------------ kernels

/// Highest value, lowest index among equals.
__device__ void improve(Best& best, float value, int index) {
  if (value > best.value || (value == best.value && index < best.index)) best = {value, index};
}

__device__ float as_float(float v) { return v; }
__device__ float as_float(Half v) { return to_float(v); }

/// The best of the classes that are `part`'s share. Vectors: adjacent channels, 16 bytes at a time.
template <class T>
__device__ Best best_of_part(const FeatureMap& classes, bool vectors, int row, int column, int part) {
  const T* values =
      static_cast<const T*>(classes.data) + row * classes.row_stride + column * classes.column_stride;
  Best best{-INFINITY, 0x7fffffff};
  int done = 0;
  if (vectors) {
    constexpr int width = 16 / sizeof(T);
    for (int v = part; v < classes.channels / width; v += parts) {
      const uint4 packed = reinterpret_cast<const uint4*>(values)[v];
      T unpacked[width];
      memcpy(unpacked, &packed, sizeof packed);
#pragma unroll
      for (int i = 0; i < width; ++i) improve(best, as_float(unpacked[i]), v * width + i);
    }
    done = classes.channels / width * width;
  }
  for (int c = done + part; c < classes.channels; c += parts)
    improve(best, as_float(values[c * classes.channel_stride]), c);
  return best;
}

__device__ CandidateKey candidate_key(float score, int anchor, int class_id, int classes) {
  return static_cast<CandidateKey>(~__float_as_uint(score)) << 32 |
         static_cast<std::uint32_t>(anchor * classes + class_id);
}

/// The keys of one block.
struct TileKeys {
  CandidateKey* keys;
  int* count;  // shared memory

  __device__ void add(CandidateKey key) const { keys[atomicAdd(count, 1)] = key; }
};

/// Boxes of the anchors that passed: four threads each, one a side.
__device__ void decode_boxes(const PyramidLevel& level, int first_cell, const int* passed, int count,
                             Corners* boxes) {
  const int slot = threadIdx.x / parts, side = threadIdx.x % parts;
  const bool active = slot < count;
  const int cell = first_cell + (active ? passed[slot] : 0);
  const int row = cell / level.box.width, column = cell % level.box.width;
  float distance = 0;
  if (active && !level.decoded) distance = level.distance(side, row, column);
  const float left = __shfl_sync(~0u, distance, 0, parts), top = __shfl_sync(~0u, distance, 1, parts);
  const float right = __shfl_sync(~0u, distance, 2, parts), bottom = __shfl_sync(~0u, distance, 3, parts);
  if (!active || side != 0) return;
  const CentredBox box = level.decoded ? level.box_at(row, column)
                                       : decode_box(left, top, right, bottom, column, row, level.stride);
  boxes[level.first_anchor + cell] = corners(box);
}

/// keys = {(score, anchor, class) of every anchor whose best class is above the confidence}; boxes =
/// DFL-decoded boxes of these anchors.
/// A block has 64 anchors of one level of one image, four threads an anchor (a share of the classes, then a
/// side of the box); the grid is tiles x images.
/// Shared memory: the best class of each share (2 KiB), the anchors that passed, two counters.
/// Barriers: the 1st __syncthreads() publishes the shares' best classes and the zeroed counters, the 2nd
/// the anchors that passed, the 3rd (multi-label alone) the count of keys.
/// launch_decode_threshold() launches it: the first kernel of a detector's postprocessing.
template <class T>
__global__ void __launch_bounds__(threads) decode_threshold_kernel(const __grid_constant__ Batch batch) {
  __shared__ Best best[parts][tile_anchors];
  __shared__ int passed[tile_anchors];
  __shared__ int passed_count, key_count;

  const int image = blockIdx.y, tile = blockIdx.x;
  int index = batch.level_count - 1;
  while (tile < batch.first_tile[index]) --index;
  const PyramidLevel level = batch.levels[index].of_image(image);
  const FeatureMap& classes = level.classes;
  const int first_cell = (tile - batch.first_tile[index]) * tile_anchors;
  const int cells = min(tile_anchors, classes.height * classes.width - first_cell);

  // Neighbouring threads read neighbouring memory: classes of an anchor in NHWC, anchors of a class in NCHW.
  const bool channels_last = classes.channel_stride == 1;
  const int anchor = channels_last ? threadIdx.x / parts : threadIdx.x % tile_anchors;
  const int part = channels_last ? threadIdx.x % parts : threadIdx.x / tile_anchors;
  if (threadIdx.x == 0) passed_count = key_count = 0;
  if (anchor < cells) {
    const int cell = first_cell + anchor;
    best[part][anchor] =
        best_of_part<T>(classes, batch.vectors[index], cell / classes.width, cell % classes.width, part);
  }
  __syncthreads();

  const std::size_t list = static_cast<std::size_t>(image) * batch.tiles + tile;
  const TileKeys keys{batch.keys + list * batch.tile_capacity, &key_count};
  const float bound = level.decoded ? batch.confidence : batch.bound;
  if (threadIdx.x < cells) {
    Best all = best[0][threadIdx.x];
    for (int p = 1; p < parts; ++p) improve(all, best[p][threadIdx.x].value, best[p][threadIdx.x].index);
    if (all.value > bound) {
      const float score = level.score(all.value);
      const bool take = batch.multi_label || (score > batch.confidence && batch.filter.wants(all.index));
      if (take) passed[atomicAdd(&passed_count, 1)] = threadIdx.x;
      if (take && !batch.multi_label)
        keys.add(
            candidate_key(score, level.first_anchor + first_cell + threadIdx.x, all.index, batch.classes));
    }
  }
  __syncthreads();

  if (batch.multi_label) {
    for (int i = threadIdx.x; i < passed_count * batch.classes; i += threads) {
      const int cell = first_cell + passed[i / batch.classes], c = i % batch.classes;
      const float score = level.score(classes.at(c, cell / classes.width, cell % classes.width));
      if (score > batch.confidence && batch.filter.wants(c))
        keys.add(candidate_key(score, level.first_anchor + cell, c, batch.classes));
    }
    __syncthreads();
  }
  decode_boxes(level, first_cell, passed, passed_count,
               batch.boxes + static_cast<std::size_t>(image) * batch.anchors);
  if (threadIdx.x == 0) batch.tile_counts[list] = key_count;
}

// ------------------------------------------------------------ launchers

}  // namespace

void launch_decode_threshold(const Batch& batch, cudaStream_t stream) {
  const dim3 grid(batch.tiles, batch.images);
  if (batch.levels[0].classes.half)
    decode_threshold_kernel<Half><<<grid, threads, 0, stream>>>(batch);
  else
    decode_threshold_kernel<float><<<grid, threads, 0, stream>>>(batch);
  cuda::check_launch("decode_threshold");
}

}  // namespace peregrine::postprocess
