#include "engine/cuda/plan/pointwise_gemm.h"

#include "engine/cuda/plan/tensor_views.h"

namespace peregrine::cuda {

namespace {

constexpr std::int64_t vector = 8;  ///< elements of 16 bytes

std::optional<MatrixView> aligned(const TensorRef& tensor, const MatrixView& view) {
  if (tensor.dtype != DType::f16) return std::nullopt;
  if (tensor.offset % vector != 0 || view.columns % vector != 0 || view.stride % vector != 0)
    return std::nullopt;
  return view.stride >= view.columns ? std::optional(view) : std::nullopt;
}

/// [N,C,H,W] whose pixels lie equally far apart, or [N,C].
std::optional<MatrixView> as_matrix(const TensorRef& tensor) {
  const auto &shape = tensor.shape, &strides = tensor.strides;
  if (shape.rank() == 2)
    return strides[1] == 1 ? aligned(tensor, {shape[0], shape[1], strides[0]}) : std::nullopt;
  if (!channels_last(tensor)) return std::nullopt;
  const auto pixel = pixel_distance(tensor);
  return pixel ? aligned(tensor, {shape[0] * shape[2] * shape[3], shape[1], *pixel}) : std::nullopt;
}

std::optional<PointwiseGemm> product_of(const TensorRef& x, const TensorRef& y, const TensorRef& residual) {
  const auto from = as_matrix(x), to = as_matrix(y), more = residual ? as_matrix(residual) : std::nullopt;
  if (!from || !to || (residual && !more)) return std::nullopt;
  return PointwiseGemm{*from, *to, more};
}

}  // namespace

bool is_pointwise(const Conv& attributes, const Shape& weight) noexcept {
  return weight[2] == 1 && weight[3] == 1 && attributes.stride == Pair{1, 1} &&
         attributes.pad == std::array<std::int64_t, 4>{} && attributes.groups == 1;
}

std::optional<PointwiseGemm> as_pointwise_gemm(const Operation& operation) {
  if (const auto* conv = std::get_if<Conv>(&operation))
    return is_pointwise(*conv, conv->weight.shape) ? product_of(conv->x, conv->y, conv->residual)
                                                   : std::nullopt;
  if (const auto* linear = std::get_if<Linear>(&operation)) return product_of(linear->x, linear->y, {});
  return std::nullopt;
}

}  // namespace peregrine::cuda
