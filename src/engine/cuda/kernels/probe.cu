#include "engine/cuda/kernels/probe.h"

#include <algorithm>

#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/launch.cuh"

namespace peregrine::cuda {
namespace {

using namespace device;

constexpr int threads = 256, max_blocks = 1024;

// ------------------------------------------------------------ kernels

__device__ std::uint32_t scramble(std::uint32_t x) {
  x ^= x >> 16, x *= 0x7feb352du;
  x ^= x >> 15, x *= 0x846ca68bu;
  return x ^ x >> 16;
}

/// data[i] = a uniform number in [-1, 1) that depends on i and the seed alone.
/// Threads take elements a grid apart: at most 1024 blocks of 256 threads.
/// Shared memory: none.
/// Barriers: none; the kernel starts in stream order.
/// fill_random() launches it: the test data of the tuner and of the benchmarks.
template <class T>
__global__ void random(T* data, std::int64_t elements, std::uint32_t seed) {
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < elements;
       i += std::int64_t{gridDim.x} * threads)
    data[i] = from_f32<T>(
        static_cast<float>(scramble(static_cast<std::uint32_t>(i) * 2654435761u + seed)) * 0x1p-31f - 1.0f);
}

/// Non-negative floats compare like their bits.
__device__ void raise(float* to, float value) {
  atomicMax(reinterpret_cast<unsigned*>(to), __float_as_uint(value));
}

/// result = {max |a - b|, max |b|, how many elements only one of which is finite}.
/// Threads take elements a grid apart: at most 1024 blocks of 256 threads; each adds its result by atomics.
/// Shared memory: none.
/// Barriers: none; atomics order the threads' results, and the kernel starts in stream order.
/// compare() launches it: the tuner's comparison of a tactic with the reference.
template <class T>
__global__ void difference(const T* a, const T* b, std::int64_t elements, Difference* result) {
  Difference mine;
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < elements;
       i += std::int64_t{gridDim.x} * threads) {
    const float x = to_f32(a[i]), y = to_f32(b[i]);
    if (isfinite(y)) mine.scale = fmaxf(mine.scale, fabsf(y));
    if (__float_as_uint(x) == __float_as_uint(y)) continue;
    if (isfinite(x) && isfinite(y))
      mine.largest = fmaxf(mine.largest, fabsf(x - y));
    else
      ++mine.not_finite;
  }
  raise(&result->largest, mine.largest);
  raise(&result->scale, mine.scale);
  if (mine.not_finite) atomicAdd(&result->not_finite, mine.not_finite);
}

struct CopiedSpans {
  CopiedSpan spans[most_spans];
};

/// Few blocks, which leave most multiprocessors to the dependent launch.
constexpr int copying_blocks = 4;
constexpr unsigned cycles_a_turn = 1000;
constexpr int late_turns = 400;

/// In turns, none of which lasts long: what passes while another process has the GPU counts as one.
__device__ void idle(int turns) {
  for (int turn = 0; turn < turns; ++turn)
    for (const unsigned begin = static_cast<unsigned>(clock64());
         static_cast<unsigned>(clock64()) - begin < cycles_a_turn;) {
    }
}

/// As many elements as fit, each thread every so many.
template <class T>
__device__ void copy_elements(const CopiedSpan& span, std::size_t from_byte) {
  T all_set;
  memset(&all_set, 0xff, sizeof all_set);
  const auto* from = reinterpret_cast<const T*>(span.from);
  auto* to = reinterpret_cast<T*>(span.to);
  const std::size_t step = std::size_t{gridDim.x} * threads;
  for (std::size_t i = from_byte / sizeof(T) + std::size_t{blockIdx.x} * threads + threadIdx.x;
       i < span.bytes / sizeof(T); i += step)
    to[i] = from ? from[i] : all_set;
}

/// to[i] = from[i] for every span, or all bits set where `from` is null; `late`: some hundred microseconds
/// after it triggered its dependents.
/// 4 blocks of 256 threads take 16 bytes at a time a grid apart: most multiprocessors stay free for the
/// dependent launch.
/// Shared memory: none.
/// Barriers: none on purpose; without `late` the kernel omits the grid-dependency wait, so that the probe
/// can be seen to fail.
/// copy_late() and copy_at_once() launch it for the PDL probe (autotune/pdl_probe.h).
__global__ void copy_spans(CopiedSpans all, bool late) {
#if __CUDA_ARCH__ >= 900
  if (late) cudaTriggerProgrammaticLaunchCompletion();
#endif
  if (late) idle(late_turns);
  for (const CopiedSpan& span : all.spans) {
    copy_elements<uint4>(span, 0);
    copy_elements<std::byte>(span, span.bytes / sizeof(uint4) * sizeof(uint4));
  }
}

// ------------------------------------------------------------ launchers

CopiedSpans all_of(std::span<const CopiedSpan> spans) {
  CopiedSpans all{};
  std::copy_n(spans.begin(), std::min(spans.size(), most_spans), all.spans);
  return all;
}

int blocks_for(std::int64_t elements) {
  return static_cast<int>(std::min<std::int64_t>(divide_up(elements, threads), max_blocks));
}

}  // namespace

void fill_random(void* data, DType dtype, std::int64_t elements, std::uint32_t seed, cudaStream_t stream) {
  if (elements == 0) return;
  with_type(dtype, [&]<class T>() {
    random<T><<<blocks_for(elements), threads, 0, stream>>>(static_cast<T*>(data), elements, seed);
  });
  check_launch("fill_random");
}

void compare(const void* a, const void* b, DType dtype, std::int64_t elements, Difference* result,
             cudaStream_t stream) {
  check(runtime().memset_async(result, 0, sizeof *result, stream), "cudaMemsetAsync");
  if (elements == 0) return;
  with_type(dtype, [&]<class T>() {
    difference<T><<<blocks_for(elements), threads, 0, stream>>>(static_cast<const T*>(a),
                                                                static_cast<const T*>(b), elements, result);
  });
  check_launch("compare");
}

void copy_late(std::span<const CopiedSpan> spans, cudaStream_t stream) {
  launch_with_pdl(stream, "copy_late", copy_spans, copying_blocks, threads, 0, all_of(spans), true);
}

void copy_at_once(std::span<const CopiedSpan> spans, cudaStream_t stream) {
  launch_with_pdl(LaunchContext(stream, true), "copy_at_once", copy_spans, copying_blocks, threads, 0,
                  all_of(spans), false);
}

}  // namespace peregrine::cuda
