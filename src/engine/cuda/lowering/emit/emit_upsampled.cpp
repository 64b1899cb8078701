// A transposed convolution and the 3x3 one behind it (upsampled.h) as plain convolutions onto views of the
// large map. The two phases of a row lie side by side in memory and become one convolution of twice the
// channels, whose windows all lie inside of the small map: no padding. What is left is the large map's frame,
// whose windows are cut and whose biases differ: its four sides and corners are small convolutions of their
// own.
#include <fmt/format.h>

#include "engine/cuda/lowering/emit/emitter.h"
#include "engine/cuda/lowering/fuse/upsampled.h"
#include "engine/cuda/plan/tensor_views.h"

namespace peregrine::cuda::lowering {
namespace {

using Index = std::int64_t;
using Taps = UpsampledConvolution::Taps;

/// Rows (or columns) of the large map that equal windows make.
struct Stretch {
  const char* name;
  std::vector<std::size_t> phases;
  Taps taps;
  Index from, extent;            ///< of the small map
  Index start, count, step = 2;  ///< of the large one
};

std::vector<Stretch> rows_of(Index height) {
  return {{"odd", {0}, {0, 2}, 0, height, 1, height - 1},
          {"even", {1}, {0, 2}, 0, height, 2, height - 1},
          {"top", {1}, {1, 1}, 0, 1, 0, 1},
          {"bottom", {0}, {0, 1}, height - 1, 1, 2 * height - 1, 1}};
}

std::vector<Stretch> columns_of(Index width) {
  return {{"inner", {0, 1}, {0, 2}, 0, width, 1, width - 1},
          {"left", {1}, {1, 1}, 0, 1, 0, 1},
          {"right", {0}, {0, 1}, width - 1, 1, 2 * width - 1, 1}};
}

TensorRef written_by(const TensorRef& map, const Stretch& rows, const Stretch& columns) {
  TensorRef part = sliced(map, 2, rows.start, rows.count, rows.step);
  part = sliced(part, 3, columns.start, columns.count, columns.step);
  part.shape[1] *= static_cast<Index>(columns.phases.size());
  return part;
}

}  // namespace

void Emitter::emit_upsampled(const ConvTranspose& step) {
  const UpsampledConvolution merged(op_->weights[0], op_->weights[1]);
  const TensorRef exact = output_place(0, Layout::channels_last);
  const Index real = exact.shape[1];
  const TensorRef x = padded_feature_map(op_->inputs[0]);
  TensorRef y = exact;
  y.shape[1] = room_for(exact, real);
  const bool dense = y.shape[1] == y.strides[3];  // else the phases of a row do not touch
  if (!dense) y = storage_.allocate(op_->name, exact.shape, Layout::channels_last), y.shape[1] = y.strides[3];

  for (const Stretch& columns : columns_of(x.shape[3]))
    for (const Stretch& rows : rows_of(x.shape[2])) {
      Conv part;
      part.activation = step.activation;
      part.x = sliced(sliced(x, 2, rows.from, rows.extent), 3, columns.from, columns.extent);
      part.y = written_by(y, rows, columns);
      std::vector<Weights> weights;
      for (std::size_t phase : columns.phases)
        weights.push_back(merged.phase(rows.phases[0], phase, rows.taps, columns.taps));
      Parts parts;
      for (const Weights& one : weights) parts.push_back({&one, y.shape[1]});
      part.weight = packer_.convolution(op_->name, parts, x.shape[1]);
      add_bias(part, parts);
      plan_.steps.push_back(
          {fmt::format("{}:{}.{}", op_->name, rows.name, columns.name), op_->nodes, part, 0, {}, {}});
    }
  if (!dense) copy(sliced(y, 1, 0, real), exact, op_->name);
  assign(op_->outputs[0], exact);
  if (dense && y.shape[1] != real) padded_[op_->outputs[0]] = y.shape[1];
}

}  // namespace peregrine::cuda::lowering
