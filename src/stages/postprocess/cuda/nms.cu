// Sort and class-wise NMS, one block an image. Candidates are taken in rounds of the best 1024 that remain:
// one round for nearly every frame, and the block stops as soon as enough objects are kept. Within a round 32
// candidates compete at a time, one warp each.
#include "stages/postprocess/cuda/batch.h"
#include "stages/postprocess/cuda/copy_results.cuh"
#include "stages/postprocess/cuda/mask_tiles.h"
#include "stages/postprocess/nms/nms_math.h"
#include "stages/postprocess/scale_math.h"

namespace peregrine::postprocess {
namespace {

constexpr int threads = 1024;
constexpr int warps = threads / 32;
constexpr int round_capacity = 1024;
constexpr int threads_per_tile = 4;
constexpr CandidateKey no_key = ~CandidateKey{0};

// ------------------------------------------------------------ kernels

/// The keys of one image, as the selection left them.
struct KeyList {
  const CandidateKey* keys;
  const int* counts;
  int tiles, tile_capacity;

  /// Calls visit(key) for each key, spread over the block.
  template <class Visit>
  __device__ void for_each(Visit visit) const {
    for (int tile = threadIdx.x / threads_per_tile; tile < tiles; tile += threads / threads_per_tile)
      for (int i = threadIdx.x % threads_per_tile; i < counts[tile]; i += threads_per_tile)
        visit(keys[static_cast<std::size_t>(tile) * tile_capacity + i]);
  }
};

/// Sum over the block; every thread gets it.
__device__ int block_sum(int value) {
  __shared__ int sum;
  if (threadIdx.x == 0) sum = 0;
  __syncthreads();
  const int warp_sum = __reduce_add_sync(~0u, value);
  if (threadIdx.x % 32 == 0) atomicAdd(&sum, warp_sum);
  __syncthreads();
  const int result = sum;
  __syncthreads();
  return result;
}

/// The largest key such that at most `round_capacity` keys lie in (after, key], found digit by digit from the
/// top. There are more than that many keys behind `after`; keys are distinct, so at least one is taken.
__device__ CandidateKey last_key_of_round(const KeyList& list, CandidateKey after) {
  __shared__ int histogram[256];
  __shared__ int chosen, below;
  constexpr int digit_bits = 8;
  CandidateKey prefix = 0;
  int room = round_capacity;
  for (int shift = 64 - digit_bits;; shift -= digit_bits) {
    for (int i = threadIdx.x; i < 256; i += threads) histogram[i] = 0;
    __syncthreads();
    const bool top = shift == 64 - digit_bits;
    list.for_each([&](CandidateKey key) {
      if (key > after && (top || key >> (shift + digit_bits) == prefix))
        atomicAdd(&histogram[key >> shift & 0xff], 1);
    });
    __syncthreads();
    if (threadIdx.x == 0) {
      int sum = 0, digit = 0;
      while (digit < 256 && sum + histogram[digit] <= room) sum += histogram[digit++];
      chosen = digit;
      below = sum;
    }
    __syncthreads();
    // Everything below digit `chosen` fits; the rest of the room goes to the best of that digit, unless it is
    // little.
    room -= below;
    prefix = prefix << digit_bits | chosen;
    const bool enough = room <= round_capacity / 2 || shift == 0;
    __syncthreads();
    if (enough) return (prefix << shift) - 1;
  }
}

/// Ascending; `size` is a power of two, at most round_capacity.
__device__ void sort_keys(CandidateKey* keys, int size) {
  for (int k = 2; k <= size; k *= 2)
    for (int j = k / 2; j > 0; j /= 2) {
      for (int i = threadIdx.x; i < size; i += threads) {
        const int other = i ^ j;
        if (other > i && (keys[i] > keys[other]) == ((i & k) == 0)) {
          const CandidateKey key = keys[i];
          keys[i] = keys[other];
          keys[other] = key;
        }
      }
      __syncthreads();
    }
}

/// Candidates of a round and what NMS knows of them. Shared memory.
struct Round {
  CandidateKey keys[round_capacity];
  Corners boxes[round_capacity];  // moved apart by class
  int count;
  bool lost[warps];             // of the 32 that compete: against those kept before
  std::uint32_t rivals[warps];  // better ones of the 32 that would suppress it
};

/// Those kept so far. Dynamic shared memory.
struct Kept {
  Corners* boxes;
  CandidateKey* keys;
  int* classes;
  int count, limit;

  __device__ Kept(void* memory, int capacity)
      : boxes(static_cast<Corners*>(memory)),
        keys(reinterpret_cast<CandidateKey*>(boxes + capacity)),
        classes(reinterpret_cast<int*>(keys + capacity)),
        count(0),
        limit(capacity) {}
  static std::size_t bytes(int capacity) {
    return static_cast<std::size_t>(capacity) * (sizeof(Corners) + sizeof(CandidateKey) + sizeof(int));
  }
};

__device__ std::uint32_t key_index(CandidateKey key) { return static_cast<std::uint32_t>(key); }

/// Brings the keys in (after, last] into the round, sorted, with their boxes.
__device__ void load_round(Round& round, const KeyList& list, CandidateKey after, CandidateKey last,
                           const Batch& batch, const Corners* boxes) {
  if (threadIdx.x == 0) round.count = 0;
  __syncthreads();
  list.for_each([&](CandidateKey key) {
    if (key > after && key <= last) round.keys[atomicAdd(&round.count, 1)] = key;
  });
  __syncthreads();
  int size = 32;
  while (size < round.count) size *= 2;
  for (int i = round.count + threadIdx.x; i < size; i += threads) round.keys[i] = no_key;
  __syncthreads();
  sort_keys(round.keys, size);
  for (int i = threadIdx.x; i < round.count; i += threads) {
    const std::uint32_t index = key_index(round.keys[i]);
    round.boxes[i] = with_class_offset(boxes[index / batch.classes], static_cast<int>(index % batch.classes));
  }
  __syncthreads();
}

/// Lets candidates [base, base + 32) of the round compete with those kept and with each other.
__device__ void compete(Round& round, int base, int count, int classes, float iou, Kept& kept) {
  __shared__ int kept_count;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int mine = base + warp;
  bool lost = mine >= count;
  std::uint32_t rivals = 0;
  if (!lost) {
    const Corners box = round.boxes[mine];
    const int class_id = key_index(round.keys[mine]) % classes;
    for (int i = lane; i < kept.count; i += 32)
      lost = lost || (kept.classes[i] == class_id && suppresses(kept.boxes[i], box, iou));
    lost = __any_sync(~0u, lost);
    const bool rival = lane < warp && key_index(round.keys[base + lane]) % classes == class_id &&
                       suppresses(round.boxes[base + lane], box, iou);
    rivals = __ballot_sync(~0u, rival);
  }
  if (lane == 0) {
    round.lost[warp] = lost;
    round.rivals[warp] = rivals;
  }
  __syncthreads();
  if (warp == 0) {  // in order: a candidate is out if a better one of the 32 that stays suppresses it
    const bool out = round.lost[lane];
    const std::uint32_t against = round.rivals[lane];
    std::uint32_t stay = __ballot_sync(~0u, !out && against == 0);
    for (std::uint32_t open = __ballot_sync(~0u, !out && against != 0); open != 0; open &= open - 1) {
      const int next = __ffs(open) - 1;
      if ((__shfl_sync(~0u, against, next) & stay) == 0) stay |= 1u << next;
    }
    const int place = kept.count + __popc(stay & ((1u << lane) - 1));
    if ((stay >> lane & 1u) && place < kept.limit) {
      const CandidateKey key = round.keys[base + lane];
      kept.boxes[place] = round.boxes[base + lane];
      kept.keys[place] = key;
      kept.classes[place] = key_index(key) % classes;
    }
    if (lane == 0) kept_count = min(kept.limit, kept.count + __popc(stay));
  }
  __syncthreads();
  kept.count = kept_count;
}

/// All rounds. Afterwards `kept` holds the winners, best first.
__device__ int run_rounds(const Batch& batch, int image_index, Round& round, Kept& kept) {
  const KeyList list{batch.keys + static_cast<std::size_t>(image_index) * batch.tiles * batch.tile_capacity,
                     batch.tile_counts + static_cast<std::size_t>(image_index) * batch.tiles, batch.tiles,
                     batch.tile_capacity};
  const Corners* boxes = batch.boxes + static_cast<std::size_t>(image_index) * batch.anchors;
  int mine = 0;
  for (int tile = threadIdx.x; tile < list.tiles; tile += threads) mine += list.counts[tile];
  const int total = block_sum(mine);
  int left = min(total, max_candidates), unseen = total;
  CandidateKey after = 0;  // scores are positive: no key is 0
  while (left > 0 && kept.count < kept.limit) {
    const CandidateKey last = unseen <= round_capacity ? no_key : last_key_of_round(list, after);
    load_round(round, list, after, last, batch, boxes);
    const int count = min(round.count, left);
    for (int base = 0; base < count && kept.count < kept.limit; base += 32)
      compete(round, base, count, batch.classes, batch.iou, kept);
    after = last;
    unseen -= round.count;
    left -= count;
    __syncthreads();
  }
  return total;
}

/// Object `i` of the record, but for where its mask lies.
__device__ void write_object(const Batch& batch, int image_index, const Kept& kept, int i) {
  const Geometry& geometry = batch.geometry(image_index);
  const CandidateKey key = kept.keys[i];
  const int anchor = static_cast<int>(key_index(key) / batch.classes);
  const Corners input = batch.boxes[static_cast<std::size_t>(image_index) * batch.anchors + anchor];
  const Corners image = image_box(input, geometry);
  RecordObject object = {};
  memcpy(object.box, &image, sizeof image);
  memcpy(object.input_box, &input, sizeof input);
  object.confidence = __uint_as_float(~static_cast<std::uint32_t>(key >> 32));
  object.class_id = kept.classes[i];
  object.anchor = anchor;
  if (batch.segments) {
    const MaskPlan plan = image_mask_plan(batch, image_index);
    const Corners& box = plan.bits ? input : image;
    const PixelRange columns = mask_columns(plan, box.x1, box.x2), rows = mask_rows(plan, box.y1, box.y2);
    object.mask_left = columns.first;
    object.mask_top = rows.first;
    object.mask_width = rows.count > 0 ? columns.count : 0;
    object.mask_height = columns.count > 0 ? rows.count : 0;
  }
  batch.layout.objects(batch.record, image_index)[i] = object;
}

/// Where the extra channels of an object lie.
struct ExtraPlace {
  PyramidLevel level;
  int row, column;
};

__device__ ExtraPlace extra_place(const Batch& batch, int image_index, const Kept& kept, int i) {
  const int anchor = static_cast<int>(key_index(kept.keys[i]) / batch.classes);
  const PyramidLevel level = batch.levels[batch.level_of_anchor(anchor)].of_image(image_index);
  const int cell = anchor - level.first_anchor;
  return {level, cell / level.extra.width, cell % level.extra.width};
}

__device__ void write_number(const Batch& batch, int image_index, const Kept& kept, int i, int c) {
  const auto [level, row, column] = extra_place(batch, image_index, kept, i);
  batch.layout.number(batch.record, image_index, i)[c] = level.extra.at(c, row, column);
}

__device__ void write_keypoint(const Batch& batch, int image_index, const Kept& kept, int i, int k) {
  const Geometry& geometry = batch.geometry(image_index);
  const auto [level, row, column] = extra_place(batch, image_index, kept, i);
  const int channel = k * batch.keypoint_dims;
  batch.layout.keypoint(batch.record, image_index, i)[k] = {
      image_x(level.keypoint(channel, 0, row, column), geometry),
      image_y(level.keypoint(channel, 1, row, column), geometry),
      batch.keypoint_dims == 3 ? level.keypoint(channel, 2, row, column) : 1.0f};
}

__device__ int inclusive_scan(int value) {
  for (int step = 1; step < 32; step *= 2) {
    const int before = __shfl_up_sync(~0u, value, step);
    if (static_cast<int>(threadIdx.x % 32) >= step) value += before;
  }
  return value;
}

struct MaskTotals {
  std::uint64_t words = 0;
  int tiles = 0;
};

/// Gives every mask its place, in order; by one warp.
__device__ MaskTotals place_masks(RecordObject* objects, int count) {
  MaskTotals used;
  const int lane = threadIdx.x;
  for (int base = 0; base < count; base += 32) {
    const bool mine = base + lane < count;
    const MaskExtent extent = mine ? mask_extent(objects[base + lane]) : MaskExtent{};
    const int words = inclusive_scan(extent.words()), tiles = inclusive_scan(extent.tiles());
    if (mine) {
      objects[base + lane].mask_offset = static_cast<std::uint32_t>(used.words) + words - extent.words();
      objects[base + lane].mask_tile = used.tiles + tiles - extent.tiles();
    }
    used.words += __shfl_sync(~0u, words, 31);
    used.tiles += __shfl_sync(~0u, tiles, 31);
  }
  return used;
}

/// kept = class-wise NMS of the best candidates by score: one is kept unless a better one that is kept has
/// its class and an IoU above the limit.
/// A block of 1024 threads has one image; candidates come in rounds of at most 1024, of which 32 compete at
/// a time, a warp each.
/// Shared memory: keys and boxes of a round (24 KiB), histogram and counters; dynamic: boxes, keys and
/// classes of those kept.
/// Barriers: each __syncthreads() publishes one stage to the next: histogram, chosen digit, keys of the
/// round, every pass of the sort, boxes, the verdicts of the 32 that compete, the objects before their
/// masks are placed.
/// launch_nms() launches it after decode_threshold_kernel.
__global__ void __launch_bounds__(threads) nms_kernel(const __grid_constant__ Batch batch) {
  extern __shared__ __align__(16) unsigned char dynamic[];
  __shared__ Round round;
  const int image_index = blockIdx.x;
  Kept kept(dynamic, batch.layout.max_objects);
  const int candidates = run_rounds(batch, image_index, round, kept);
  __syncthreads();
  for (int i = threadIdx.x; i < kept.count; i += threads) write_object(batch, image_index, kept, i);
  for (int i = threadIdx.x; i < kept.count * batch.layout.keypoints; i += threads)
    write_keypoint(batch, image_index, kept, i / batch.layout.keypoints, i % batch.layout.keypoints);
  for (int i = threadIdx.x; i < kept.count * batch.layout.numbers; i += threads)
    write_number(batch, image_index, kept, i / batch.layout.numbers, i % batch.layout.numbers);
  __syncthreads();
  if (threadIdx.x < 32) {
    MaskTotals masks;
    if (batch.segments) masks = place_masks(batch.layout.objects(batch.record, image_index), kept.count);
    if (threadIdx.x == 0) {
      const bool fits = masks.words <= batch.layout.mask_capacity;
      *batch.layout.header(batch.record, image_index) = {
          kept.count, candidates, static_cast<std::uint32_t>(min(masks.words, std::uint64_t{0xffffffff})),
          fits ? masks.tiles : 0};
    }
  }
  __syncthreads();
  if (batch.host_record && !batch.segments) copy_objects_to_host(batch, image_index);
}

// ------------------------------------------------------------ launchers

}  // namespace

void launch_nms(const Batch& batch, cudaStream_t stream) {
  const std::size_t dynamic = Kept::bytes(batch.layout.max_objects);
  constexpr std::size_t without_asking = 16 << 10;  // what Round leaves of 48 KiB
  if (dynamic > without_asking)
    cuda::check(cudaFuncSetAttribute(nms_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                     static_cast<int>(dynamic)),
                "cudaFuncSetAttribute");
  nms_kernel<<<batch.images, threads, dynamic, stream>>>(batch);
  cuda::check_launch("nms");
}

}  // namespace peregrine::postprocess
