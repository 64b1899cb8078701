#include "engine/cuda/lowering/weights.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "core/half.h"
#include "peregrine/error.h"

namespace peregrine::cuda::lowering {
namespace {

using Index = std::int64_t;

constexpr std::size_t buffer_alignment = 256;

Index total(const std::vector<WeightPacker::Rows>& parts) {
  Index sum = 0;
  for (const auto& part : parts) sum += part.channels;
  return sum;
}

/// Output channels of `weights` in the order in which they are stored.
std::vector<Index> rows_of(const Weights& weights) {
  if (!weights.rows.empty()) return weights.rows;
  std::vector<Index> rows(static_cast<std::size_t>(weights.weight->shape()[0]));
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<Index>(i);
  return rows;
}

}  // namespace

TensorRef WeightPacker::convolution(const std::string& name, const std::vector<Rows>& parts,
                                    Index channels_in) {
  const Shape& first = parts.front().weights->weight->shape();
  const Shape shape{total(parts), channels_in, first[2], first[3]};
  const Strides strides = channels_last_strides(shape);
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  Index k = 0;
  for (const Rows& part : parts) {
    const HostTensor source = part.weights->weight->to_f32();
    const Shape& from = source.shape();
    Index out = k;
    for (Index row : rows_of(*part.weights)) {
      const float* in = source.as<float>() + row * from[1] * from[2] * from[3];
      for (Index c = 0; c < from[1]; ++c)
        for (Index tap = 0; tap < from[2] * from[3]; ++tap)
          values[static_cast<std::size_t>(out * strides[0] + tap * strides[3] + c)] = *in++;
      ++out;
    }
    k += part.channels;
  }
  return store(name, values, shape, strides, dtype_);
}

TensorRef WeightPacker::depthwise(const std::string& name, const Weights& weights, Index channels) {
  const HostTensor source = weights.weight->to_f32();
  const Shape& from = source.shape();
  const Shape shape{channels, 1, from[2], from[3]};
  const Strides strides{1, 1, from[3] * channels, channels};
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  const float* in = source.as<float>();
  for (Index c = 0; c < from[0]; ++c)
    for (Index tap = 0; tap < from[2] * from[3]; ++tap)
      values[static_cast<std::size_t>(tap * channels + c)] = *in++;
  return store(name, values, shape, strides, dtype_);
}

TensorRef WeightPacker::transposed(const std::string& name, const Weights& weights, Index channels_in,
                                   Index channels_out) {
  const HostTensor source = weights.weight->to_f32();
  const Shape& from = source.shape();
  const Shape shape{channels_in, channels_out, from[2], from[3]};
  const Index matrix = channels_in * channels_out;
  const Strides strides{1, channels_in, from[3] * matrix, matrix};
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  const float* in = source.as<float>();
  for (Index c = 0; c < from[0]; ++c)
    for (Index k = 0; k < from[1]; ++k)
      for (Index tap = 0; tap < from[2] * from[3]; ++tap)
        values[static_cast<std::size_t>(tap * matrix + k * channels_in + c)] = *in++;
  return store(name, values, shape, strides, dtype_);
}

TensorRef WeightPacker::bias(const std::string& name, const std::vector<Rows>& parts, DType dtype) {
  std::vector<float> values(static_cast<std::size_t>(total(parts)));
  bool any = false;
  std::size_t k = 0;
  for (const Rows& part : parts) {
    if (part.weights->bias) {
      any = true;
      const HostTensor source = part.weights->bias->to_f32();
      std::vector<Index> rows = part.weights->rows;
      for (Index i = 0; rows.empty() && i < source.shape().elements(); ++i)
        values[k + static_cast<std::size_t>(i)] = source.as<float>()[i];
      for (std::size_t i = 0; i < rows.size(); ++i) values[k + i] = source.as<float>()[rows[i]];
    }
    k += static_cast<std::size_t>(part.channels);
  }
  if (!any) return {};
  const Shape shape{static_cast<Index>(values.size())};
  return store(name, values, shape, dense_strides(shape), dtype);
}

TensorRef WeightPacker::dense(const std::string& name, const Constant& constant, DType dtype) {
  const HostTensor source = constant->to_f32();
  const std::vector<float> values(source.as<float>(), source.as<float>() + source.shape().elements());
  return store(name, values, source.shape(), dense_strides(source.shape()), dtype);
}

TensorRef WeightPacker::store(const std::string& name, const std::vector<float>& values, const Shape& shape,
                              const Strides& strides, DType dtype) {
  std::vector<std::byte>& blob = plan_->weights;
  const std::size_t start = (blob.size() + buffer_alignment - 1) / buffer_alignment * buffer_alignment;
  const std::size_t bytes = values.size() * size_of(dtype);
  blob.resize(start + bytes);
  if (dtype == DType::f32) {
    std::memcpy(blob.data() + start, values.data(), bytes);
  } else {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const Half half = to_half(values[i]);
      if (std::isinf(to_float(half)) && !std::isinf(values[i]))
        throw Error("engine.weights",
                    fmt::format("The constant {} of '{}' does not fit into FP16.", values[i], name),
                    "Build the engine with --precision fp32.");
      std::memcpy(blob.data() + start + i * sizeof half, &half, sizeof half);
    }
  }
  plan_->buffers.push_back(
      {Buffer::Place::weights, static_cast<Index>(bytes), static_cast<Index>(start), -1, name});
  return {static_cast<BufferId>(plan_->buffers.size() - 1), dtype, 0, shape, strides};
}

}  // namespace peregrine::cuda::lowering
