// Views 1x1 convolutions and linear layers as GEMMs, for the libraries that only know those.
#pragma once

#include <optional>

#include "engine/cuda/plan/plan.h"

namespace peregrine::cuda {

/// Rows (pixels of a channels-last map) of `columns` elements side by side, `stride` elements apart.
struct MatrixView {
  std::int64_t rows = 0, columns = 0, stride = 0;
};

/// y = activation(x times weight transposed + bias + residual before), or the residual added after; weight
/// [y.columns, x.columns], dense. The residual has a quarter of the rows where each of its pixels is added to
/// 2x2 of y's.
struct PointwiseGemm {
  MatrixView x, y;
  std::optional<MatrixView> residual;
};

/// Whether a convolution of these attributes and weight [K,C/groups,kh,kw] multiplies each pixel by one
/// matrix: 1x1, of one group, no stride, no padding.
bool is_pointwise(const Conv& attributes, const Shape& weight) noexcept;

/// Nothing for a step that is no gemm of FP16 matrices whose rows start at multiples of 16 bytes and are as
/// long.
std::optional<PointwiseGemm> as_pointwise_gemm(const Operation& operation);

}  // namespace peregrine::cuda
