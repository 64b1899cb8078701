// Kernels for the tuner's own use: test data, delayed copies, and the difference of two results.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "peregrine/tensor.h"

namespace peregrine::cuda {

/// Fills `data` (f16 or f32) with uniform numbers in [-1, 1), the same for the same seed.
void fill_random(void* data, DType dtype, std::int64_t elements, std::uint32_t seed, cudaStream_t stream);

struct Difference {
  float largest = 0;        ///< max |a - b| where both are finite
  float scale = 0;          ///< max |b|, finite elements
  unsigned not_finite = 0;  ///< elements where only one is finite, or both are not and differ
};
/// Writes the difference into device memory `result`, which it resets first. Elements with equal bits do not
/// differ.
void compare(const void* a, const void* b, DType dtype, std::int64_t elements, Difference* result,
             cudaStream_t stream);

/// Bytes for a kernel to copy; both ends aligned to 16.
struct CopiedSpan {
  std::byte* to = nullptr;
  const std::byte* from = nullptr;  ///< null: every bit is set
  std::size_t bytes = 0;
};
/// As many as one kernel takes.
inline constexpr std::size_t most_spans = 8;

/// Triggers the stream's dependent launch at once and copies some hundred microseconds later, when a kernel
/// that does not wait has already read the old bytes.
void copy_late(std::span<const CopiedSpan> spans, cudaStream_t stream);
/// Copies as a PDL secondary, without the grid-dependency wait.
void copy_at_once(std::span<const CopiedSpan> spans, cudaStream_t stream);

}  // namespace peregrine::cuda
