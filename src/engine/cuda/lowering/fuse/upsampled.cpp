#include "engine/cuda/lowering/fuse/upsampled.h"

namespace peregrine::cuda::lowering {
namespace {

std::vector<double> values_of(const Constant& constant) {
  const HostTensor tensor = constant->to_f32();
  return {tensor.as<float>(), tensor.as<float>() + tensor.shape().elements()};
}

std::size_t extent(std::int64_t value) { return static_cast<std::size_t>(value); }

}  // namespace

UpsampledConvolution::UpsampledConvolution(const Weights& transposed, const Weights& convolution)
    : channels_in_(transposed.weight->shape()[0]), channels_out_(convolution.weight->shape()[0]) {
  const std::size_t in = extent(channels_in_), middle = extent(transposed.weight->shape()[1]),
                    out = extent(channels_out_);
  bias_ = convolution.bias ? values_of(convolution.bias) : std::vector<double>(out);
  const std::vector<double> large = values_of(convolution.weight), source = values_of(transposed.weight);
  const std::vector<double> bias = transposed.bias ? values_of(transposed.bias) : std::vector<double>(middle);
  std::vector<double> small(source.size());  // [2,2,M,C]: the innermost loop runs over C
  for (std::size_t c = 0; c < in; ++c)
    for (std::size_t m = 0; m < middle; ++m)
      for (std::size_t tap = 0; tap < 4; ++tap)
        small[(tap * middle + m) * in + c] = source[(c * middle + m) * 4 + tap];

  for (Tap& tap : taps_) tap = {std::vector<double>(out * in), std::vector<double>(out)};
  for (std::size_t phase = 0; phase < 4; ++phase)
    for (std::size_t window = 0; window < 9; ++window) {
      // Rows of the large map, counted from that of the small map's row r: even ones are made by its upper
      // tap.
      const std::size_t row = phase / 2 + window / 3, column = phase % 2 + window % 3;
      Tap& tap = taps_[index(phase / 2, phase % 2, row / 2, column / 2)];
      for (std::size_t k = 0; k < out; ++k)
        for (std::size_t m = 0; m < middle; ++m) {
          const double factor = large[(k * middle + m) * 9 + window];
          const double* from = &small[((row % 2 * 2 + column % 2) * middle + m) * in];
          double* to = &tap.weight[k * in];
          for (std::size_t c = 0; c < in; ++c) to[c] += factor * from[c];
          tap.bias[k] += factor * bias[m];
        }
    }
}

Weights UpsampledConvolution::phase(std::size_t row, std::size_t column, Taps rows, Taps columns) const {
  HostTensor weight(DType::f32, {channels_out_, channels_in_, rows.count, columns.count}),
      bias(DType::f32, {channels_out_});
  const std::size_t in = extent(channels_in_), width = extent(columns.count),
                    area = extent(rows.count) * width;
  for (std::size_t k = 0; k < extent(channels_out_); ++k) {
    double sum = bias_[k];
    for (std::size_t i = 0; i < area; ++i) {
      const Tap& tap =
          taps_[index(row, column, extent(rows.first) + i / width, extent(columns.first) + i % width)];
      sum += tap.bias[k];
      for (std::size_t c = 0; c < in; ++c)
        weight.as<float>()[(k * in + c) * area + i] = static_cast<float>(tap.weight[k * in + c]);
    }
    bias.as<float>()[k] = static_cast<float>(sum);
  }
  return {std::make_shared<const HostTensor>(std::move(weight)),
          std::make_shared<const HostTensor>(std::move(bias)),
          {}};
}

}  // namespace peregrine::cuda::lowering
