// Before and after the ReID model: which regions to crop, and the length of their features.
#include "stages/postprocess/cuda/batch.h"
#include "stages/postprocess/tasks/reid/embedding_math.h"

namespace peregrine::postprocess {
namespace {

constexpr int gather_threads = 1024;
constexpr int gather_warps = gather_threads / 32;
constexpr int norm_threads = 128;

// ------------------------------------------------------------ kernels

/// crops = the boxes of all objects of class_id, image by image; *count = how many there are.
/// One block of 1024 threads; a warp counts the objects of one image, then writes their boxes behind those
/// of the images before.
/// Shared memory: the count of each warp's image.
/// Barriers: the first __syncthreads() publishes the counts, the second one keeps those of the next 32
/// images from overwriting them while they are read.
/// gather_crops() launches it between detector and ReID model.
__global__ void gather_kernel(RecordLayout layout, void* record, int images, ClassFilter classes,
                              CropList list, Crop* crops, int* count) {
  __shared__ int counts[gather_warps];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  int first = list == CropList::append ? *count : 0;
  for (int base = 0; base < images; base += gather_warps) {
    const int image = base + warp;
    const int objects = image < images ? layout.header(record, image)->objects : 0;
    const RecordObject* object = layout.objects(record, image);
    const auto matches = [&](int i) {
      return __ballot_sync(~0u, i < objects && classes.wants(object[i].class_id));
    };
    int mine = 0;
    for (int i = 0; i < objects; i += 32) mine += __popc(matches(i + lane));
    if (lane == 0) counts[warp] = mine;
    __syncthreads();
    int place = first;
    for (int w = 0; w < gather_warps; ++w) {
      if (w < warp) place += counts[w];
      first += counts[w];
    }
    for (int i = 0; i < objects; i += 32) {
      const unsigned found = matches(i + lane);
      if (found >> lane & 1u) {
        Crop& crop = crops[place + __popc(found & ((1u << lane) - 1))];
        for (int side = 0; side < 4; ++side) crop.box[side] = object[i + lane].box[side];
        crop.image = image;
      }
      place += __popc(found);
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) *count = first;
}

__device__ float as_float(float v) { return v; }
__device__ float as_float(Half v) { return to_float(v); }

/// to[i] = features[i] / |features|, in FP32; what is not finite counts as zero.
/// A block of 128 threads has one feature vector.
/// Shared memory: the sum of squares of each warp.
/// Barriers: __syncthreads() publishes the warps' sums to all threads.
/// normalise_embeddings() launches it after the ReID model.
template <class T>
__global__ void __launch_bounds__(norm_threads)
    norm_kernel(const T* features, std::int64_t stride, int length, const int* count, const int* first,
                float* to) {
  __shared__ float sums[norm_threads / 32];
  const int index = *first + static_cast<int>(blockIdx.x);
  if (index >= *count) return;
  const T* from = features + blockIdx.x * stride;
  float squares = 0;
  for (int i = threadIdx.x; i < length; i += norm_threads) {
    const float v = finite_or_zero(as_float(from[i]));
    squares += v * v;
  }
  for (int step = 16; step > 0; step /= 2) squares += __shfl_xor_sync(~0u, squares, step);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = squares;
  __syncthreads();
  float total = 0;
  for (const float sum : sums) total += sum;
  const float norm = sqrtf(total);
  for (int i = threadIdx.x; i < length; i += norm_threads)
    to[static_cast<std::size_t>(index) * length + i] = normalised(finite_or_zero(as_float(from[i])), norm);
}

// ------------------------------------------------------------ launchers

}  // namespace

void gather_crops(const RecordLayout& layout, const void* record, int images, std::span<const int> classes,
                  CropList list, Crop* crops, int* count, void* cuda_stream) {
  ClassFilter filter{};
  for (const int c : classes) filter.words[c / 32] |= 1u << c % 32;
  gather_kernel<<<1, gather_threads, 0, static_cast<cudaStream_t>(cuda_stream)>>>(
      layout, const_cast<void*>(record), images, filter, list, crops, count);
  cuda::check_launch("gather_crops");
}

void normalise_embeddings(const TensorView& features, const int* count, const int* first, float* to,
                          void* cuda_stream) {
  const auto stream = static_cast<cudaStream_t>(cuda_stream);
  const auto slots = static_cast<unsigned>(features.shape[0]);
  const int length = static_cast<int>(features.shape[1]);
  if (features.dtype == DType::f16)
    norm_kernel<<<slots, norm_threads, 0, stream>>>(features.as<const Half>(), features.strides[0], length,
                                                    count, first, to);
  else
    norm_kernel<<<slots, norm_threads, 0, stream>>>(features.as<const float>(), features.strides[0], length,
                                                    count, first, to);
  cuda::check_launch("normalise_embeddings");
}

}  // namespace peregrine::postprocess
