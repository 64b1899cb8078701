#include "engine/cuda/lowering/emit/emitter.h"
#include "engine/cuda/plan/tensor_views.h"
#include "graph/shapes.h"

namespace peregrine::cuda::lowering {

void Emitter::emit(Conv step) {
  const bool whole = step.groups == 1;
  step.x = whole ? padded_feature_map(op_->inputs[0]) : feature_map(op_->inputs[0]);
  const Parts parts = lay_out_channels(step.y, whole);
  step.weight = packer_.convolution(op_->name, parts, step.x.shape[1] / step.groups);
  add_bias(step, parts);
  step.residual = residual_for(step.y);
  append(step);
  Index channel = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const ValueId output = op_->outputs[i];
    const Shape& shape = graph_.value(output).shape;
    assign(output, *reshaped(sliced(step.y, 1, channel, rows(i)), shape));
    if (parts[i].channels != rows(i) && shape.rank() == 4) padded_[output] = parts[i].channels;
    channel += parts[i].channels;
  }
}

void Emitter::emit(Depthwise step) {
  const TensorRef exact = output_place(0, Layout::channels_last);
  const Index real = exact.shape[1];
  step.x = padded_feature_map(op_->inputs[0]);
  step.y = exact;
  // Padding channels pass through where both sides have them.
  const Index channels = room_for(exact, real) == step.x.shape[1] ? step.x.shape[1] : real;
  step.x.shape[1] = step.y.shape[1] = channels;
  step.weight = packer_.depthwise(op_->name, op_->weights[0], channels);
  add_bias(step, {{&op_->weights[0], channels}});
  step.residual = residual_for(step.y);
  append(step);
  assign(op_->outputs[0], exact);
  if (channels != real) padded_[op_->outputs[0]] = channels;
}

void Emitter::emit(ConvTranspose step) {
  if (op_->weights.size() == 2) return emit_upsampled(step);
  const TensorRef exact = output_place(0, Layout::channels_last);
  const Weights& weights = op_->weights[0];
  step.x = padded_feature_map(op_->inputs[0]);
  step.y = exact;
  step.y.shape[1] = room_for(exact, exact.shape[1]);
  step.weight = packer_.transposed(op_->name, weights, step.x.shape[1], step.y.shape[1]);
  add_bias(step, {{&weights, step.y.shape[1]}});
  append(step);
  assign(op_->outputs[0], exact);
  if (step.y.shape[1] != exact.shape[1]) padded_[op_->outputs[0]] = step.y.shape[1];
}

void Emitter::emit(Linear step) {
  step.x = place(op_->inputs[0]);
  if (step.x.strides[1] != 1 && step.x.shape[1] != 1) step.x = copied(step.x, Layout::row_major);
  const Weights& weights = op_->weights[0];
  step.weight = packer_.dense(op_->name, weights.weight);
  add_bias(step, {{&weights, weights.weight->shape()[0]}});
  step.y = output_place(0, Layout::row_major);
  append(step);
  assign(op_->outputs[0], step.y);
}

Emitter::Index Emitter::rows(std::size_t output) const {
  const Weights& weights = op_->weights[output];
  return weights.rows.empty() ? weights.weight->shape()[0] : static_cast<Index>(weights.rows.size());
}

/// Decides where a convolution writes and how many channels each of its outputs has there.
Emitter::Parts Emitter::lay_out_channels(TensorRef& y, bool may_pad) {
  Parts parts;
  Index exact = 0, padded = 0;
  for (std::size_t i = 0; i < op_->outputs.size(); ++i) {
    parts.push_back({&op_->weights[i], rows(i)});
    exact += rows(i), padded += round_up(rows(i), channel_multiple);
  }
  if (parts.size() == 1) {
    y = output_place(0, Layout::channels_last);
    if (may_pad) parts[0].channels = y.shape[1] = room_for(y, exact);
    return parts;
  }
  if (const auto first = storage_.wanted(op_->outputs[0])) {  // so the others are wanted right behind it
    y = *first;
    y.shape[1] = exact;
    return parts;
  }
  const auto& step = *op_->as<Conv>();
  const Shape inputs[] = {graph_.value(op_->inputs[0]).shape, op_->weights[0].weight->shape()};
  Shape map = graph::infer_shapes(graph::Conv{step.stride, step.dilation, step.pad, step.groups}, inputs)[0];
  map[1] = padded;
  y = storage_.allocate(op_->name, map, Layout::channels_last);
  for (auto& part : parts) part.channels = round_up(part.channels, channel_multiple);
  return parts;
}

/// Channels that a step may write where `real` are wanted: up to a multiple of 8 if nothing else is stored
/// there.
Emitter::Index Emitter::room_for(const TensorRef& y, Index real) const {
  const Index padded = round_up(real, channel_multiple);
  bool own = storage_.unshared(y.buffer) && y.offset == 0 && y.strides[1] == 1;
  for (std::size_t i : {0, 2, 3}) own = own && (y.shape[i] == 1 || y.strides[i] >= padded);
  if (!own || y.strides[3] < padded) return real;
  if (op_->residual == ValueId::none) return padded;
  const auto found = padded_.find(op_->residual);
  return found != padded_.end() && found->second == padded ? padded : real;
}

TensorRef Emitter::residual_for(const TensorRef& y) {
  if (op_->residual == ValueId::none) return {};
  TensorRef residual = feature_map(op_->residual);
  residual.shape[1] = y.shape[1];
  return residual;
}

}  // namespace peregrine::cuda::lowering
