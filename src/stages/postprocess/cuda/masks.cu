// Mask bits, tile by tile: the prototypes behind a tile are combined in shared memory once, then each warp
// makes words of 32 rows of a column. Nothing outside the objects' boxes is computed.
#include "stages/postprocess/cuda/copy_results.cuh"
#include "stages/postprocess/cuda/mask_tiles.h"

namespace peregrine::postprocess {
namespace {

constexpr int threads = 256;
constexpr int warps = threads / 32;
constexpr int columns_per_warp = tile_columns / warps;
constexpr int logit_capacity =
    4608;  // combined prototypes behind a tile, unless the image is enlarged more than four times

static_assert(columns_per_warp * tile_words <= 32, "a lane keeps one word");

// ------------------------------------------------------------ kernels

/// Prototypes combined with an object's coefficients. The sum runs over the channels in order, as on the
/// host.
struct Prototypes {
  FeatureMap proto;
  const float* coefficients;  // shared memory

  __device__ float operator()(int column, int row) const {
    float sum = 0;
    for (int c = 0; c < proto.channels; ++c) sum += coefficients[c] * proto.at(c, row, column);
    return sum;
  }
};

/// The part of the combined prototypes behind a tile.
struct Region {
  PixelRange columns, rows;
  float* logits;  // shared memory

  __device__ int size() const { return columns.count * rows.count; }
  __device__ float operator()(int column, int row) const {
    return logits[(row - rows.first) * columns.count + column - columns.first];
  }
};

/// The piece of an object's mask that a block works on.
struct MaskTile {
  int object;
  int first_column, columns;  // within the window
  int first_row, rows;
};

/// One axis of one position of the middle image.
struct MiddleAt {
  LinearTap tap;
  bool in_box;
};

/// Element of the middle image.
template <class Logits>
__device__ float middle_value(const Logits& logits, const MaskPlan& plan, const MiddleAt& x,
                              const MiddleAt& y) {
  const float left = blend(logits(x.tap.first, y.tap.first), logits(x.tap.first, y.tap.second), y.tap);
  const float right = blend(logits(x.tap.second, y.tap.first), logits(x.tap.second, y.tap.second), y.tap);
  const float value = blend(left, right, x.tap);
  if (!plan.bits) return value;
  return x.in_box && y.in_box && value > 0.0f ? 1.0f : 0.0f;
}

__device__ MiddleAt middle_column(const MaskPlan& plan, const RecordObject& object, int column) {
  return {middle_tap_x(plan, column), inside(column, object.input_box[0], object.input_box[2])};
}

__device__ MiddleAt middle_row(const MaskPlan& plan, const RecordObject& object, int row) {
  return {middle_tap_y(plan, row), inside(row, object.input_box[1], object.input_box[3])};
}

/// The tile's words, one a lane: lane i holds word i % tile_words of the warp's column i / tile_words.
template <class Logits>
__device__ std::uint32_t tile_word(const Logits& logits, const MaskPlan& plan, const RecordObject& object,
                                   const MaskTile& tile) {
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const bool direct =
      plan.middle_width == plan.proto_width && plan.middle_height == plan.proto_height && !plan.bits;
  std::uint32_t mine = 0;
  for (int word = 0; word < tile_words && word * 32 < tile.rows; ++word) {
    const int row = min(word * 32 + lane, tile.rows - 1);
    const LinearTap y = image_tap_y(plan, object.mask_top + tile.first_row + row);
    const MiddleAt upper = middle_row(plan, object, y.first), lower = middle_row(plan, object, y.second);
    for (int i = 0; i < columns_per_warp; ++i) {
      const int column = min(warp * columns_per_warp + i, tile.columns - 1);
      const LinearTap x = image_tap_x(plan, object.mask_left + tile.first_column + column);
      float left, right;
      if (direct) {
        left = blend(logits(x.first, y.first), logits(x.first, y.second), y);
        right = blend(logits(x.second, y.first), logits(x.second, y.second), y);
      } else {
        const MiddleAt here = middle_column(plan, object, x.first),
                       next = middle_column(plan, object, x.second);
        left = blend(middle_value(logits, plan, here, upper), middle_value(logits, plan, here, lower), y);
        right = blend(middle_value(logits, plan, next, upper), middle_value(logits, plan, next, lower), y);
      }
      const bool set = word * 32 + lane < tile.rows && mask_bit(blend(left, right, x), plan.bits);
      const std::uint32_t bits = __ballot_sync(~0u, set);
      if (lane == i * tile_words + word) mine = bits;
    }
  }
  return mine;
}

__device__ PixelRange behind(const LinearTap& first, const LinearTap& last) {
  return {first.first, last.second - first.first + 1};
}

__device__ Region region_behind(const MaskPlan& plan, const RecordObject& object, const MaskTile& tile,
                                float* logits) {
  const int left = object.mask_left + tile.first_column, top = object.mask_top + tile.first_row;
  const PixelRange across = behind(image_tap_x(plan, left), image_tap_x(plan, left + tile.columns - 1));
  const PixelRange down = behind(image_tap_y(plan, top), image_tap_y(plan, top + tile.rows - 1));
  return {behind(middle_tap_x(plan, across.first), middle_tap_x(plan, across.first + across.count - 1)),
          behind(middle_tap_y(plan, down.first), middle_tap_y(plan, down.first + down.count - 1)), logits};
}

/// The object that a tile belongs to, found by all threads at once, and where in it the tile lies.
__device__ MaskTile find_tile(const RecordObject* objects, int count, int tile) {
  __shared__ int found;
  for (int i = threadIdx.x; i < count; i += threads) {
    const int local = tile - objects[i].mask_tile;
    if (local >= 0 && local < mask_extent(objects[i]).tiles()) found = i;
  }
  __syncthreads();
  const int object = found;
  const MaskExtent extent = mask_extent(objects[object]);
  const int local = tile - objects[object].mask_tile;
  const int column = local % extent.tiles_across() * tile_columns,
            row = local / extent.tiles_across() * tile_rows;
  return {object, column, min(tile_columns, extent.width - column), row, min(tile_rows, extent.height - row)};
}

__device__ void load_coefficients(const Batch& batch, int image, int anchor, float* coefficients) {
  const PyramidLevel level = batch.levels[batch.level_of_anchor(anchor)].of_image(image);
  const int cell = anchor - level.first_anchor;
  for (int c = threadIdx.x; c < level.extra.channels; c += threads)
    coefficients[c] = level.extra.at(c, cell / level.extra.width, cell % level.extra.width);
}

/// bit(x, y) = (interpolated sum over c of coefficients[c] prototypes[c]) is positive, inside an object's
/// box alone.
/// A block has one tile of an object's mask at a time, a warp some of its columns, a lane a word of 32
/// rows; the grid is resident blocks x images.
/// Shared memory: the combined prototypes behind a tile (18 KiB; larger regions are computed on the fly),
/// the coefficients.
/// Barriers: the 1st __syncthreads() of a tile (in find_tile()) publishes the object, the 2nd the
/// coefficients, the 3rd the combined prototypes; __syncthreads_or() tells whether any bit is set and frees
/// all of it for the next tile.
/// launch_masks() launches it for segmentation heads, after nms_kernel.
__global__ void __launch_bounds__(threads) mask_kernel(const __grid_constant__ Batch batch) {
  __shared__ float logits[logit_capacity];
  __shared__ float coefficients[max_mask_channels];
  const int image = blockIdx.y;
  const RecordHeader header = *batch.layout.header(batch.record, image);
  if (static_cast<int>(blockIdx.x) >= header.mask_tiles) return;
  RecordObject* objects = batch.layout.objects(batch.record, image);
  const MaskPlan plan = image_mask_plan(batch, image);
  const Prototypes prototypes{batch.proto.of_image(image), coefficients};
  for (int i = blockIdx.x; i < header.mask_tiles; i += gridDim.x) {
    const MaskTile tile = find_tile(objects, header.objects, i);
    const RecordObject object = objects[tile.object];
    load_coefficients(batch, image, object.anchor, coefficients);
    __syncthreads();
    const Region region = region_behind(plan, object, tile, logits);
    const bool shared = region.size() <= logit_capacity;
    if (shared)
      for (int j = threadIdx.x; j < region.size(); j += threads)
        logits[j] = prototypes(region.columns.first + j % region.columns.count,
                               region.rows.first + j / region.columns.count);
    __syncthreads();
    const std::uint32_t word =
        shared ? tile_word(region, plan, object, tile) : tile_word(prototypes, plan, object, tile);
    const int lane = threadIdx.x % 32;
    const int column = threadIdx.x / 32 * columns_per_warp + lane / tile_words, row_word = lane % tile_words;
    if (lane < columns_per_warp * tile_words && column < tile.columns && row_word * 32 < tile.rows) {
      const int words_above = tile.first_row / 32 + row_word;
      batch.layout.masks(
          batch.record,
          image)[object.mask_offset + (tile.first_column + column) * mask_extent(object).column_words() +
                 words_above] = word;
    }
    if (__syncthreads_or(word != 0) && threadIdx.x == 0) atomicOr(&objects[tile.object].mask_set, 1);
  }
}

/// host record = device record: objects and the words of their masks.
/// Blocks of one image share the words a grid apart; the first block copies the objects; the grid is 32 x
/// images.
/// Shared memory: none.
/// Barriers: none; the kernel starts in stream order, after mask_kernel.
/// launch_copy_results() launches it for segmentation heads, last.
__global__ void copy_results_kernel(const __grid_constant__ Batch batch) {
  const int image = blockIdx.y;
  if (blockIdx.x == 0) copy_objects_to_host(batch, image);
  const std::uint32_t words = batch.layout.header(batch.record, image)->mask_words;
  if (words > batch.layout.mask_capacity) return;
  copy_bytes_to_host(batch.layout.masks(batch.host_record, image), batch.layout.masks(batch.record, image),
                     words * sizeof(std::uint32_t), blockIdx.x * blockDim.x + threadIdx.x,
                     gridDim.x * blockDim.x);
}

// ------------------------------------------------------------ launchers

}  // namespace

void launch_masks(const Batch& batch, cudaStream_t stream) {
  constexpr int resident_blocks =
      1024;  // about what a large GPU holds at once; a block takes tiles until none is left
  mask_kernel<<<dim3(std::max(32, resident_blocks / batch.images), batch.images), threads, 0, stream>>>(
      batch);
  cuda::check_launch("masks");
}

void launch_copy_results(const Batch& batch, cudaStream_t stream) {
  copy_results_kernel<<<dim3(32, batch.images), threads, 0, stream>>>(batch);
  cuda::check_launch("copy_results");
}

}  // namespace peregrine::postprocess
