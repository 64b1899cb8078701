#include "engine/cuda/lowering/emit/emitter.h"
#include "engine/cuda/plan/tensor_views.h"

namespace peregrine::cuda::lowering {

/// Feature map in, feature map out.
void Emitter::emit_map(auto step) {
  step.x = feature_map(op_->inputs[0]);
  step.y = output_place(0, Layout::channels_last);
  append(step);
  assign(op_->outputs[0], step.y);
}

void Emitter::emit(Pool step) { emit_map(step); }
void Emitter::emit(Upsample step) { emit_map(step); }
void Emitter::emit(GlobalAveragePool step) { emit_map(step); }

void Emitter::emit(InstanceNorm step) {
  step.scale = packer_.dense(op_->name, op_->weights[0].weight, DType::f32);
  step.shift = packer_.dense(op_->name, op_->weights[0].bias, DType::f32);
  emit_map(step);
}

void Emitter::emit(PoolChain step) {
  step.x = feature_map(op_->inputs[0]);
  for (std::size_t i = 0; i < op_->outputs.size(); ++i)
    step.y.push_back(output_place(i, Layout::channels_last));
  append(step);
  for (std::size_t i = 0; i < op_->outputs.size(); ++i) assign(op_->outputs[i], step.y[i]);
}

void Emitter::emit(Attention step) {
  const auto tokens = [&](ValueId value) {
    const TensorRef tensor = place(value);
    return tensor.strides[2] == 1 ? tensor : copied(tensor, Layout::tokens);
  };
  step.q = tokens(op_->inputs[0]), step.k = tokens(op_->inputs[1]), step.v = tokens(op_->inputs[2]);
  step.y = output_place(0, Layout::tokens);
  append(step);
  assign(op_->outputs[0], step.y);
}

void Emitter::emit(GatedSum step) {
  for (ValueId input : op_->inputs) step.x.push_back(feature_map(input));
  const Weights &fc1 = op_->weights[0], &fc2 = op_->weights[1];
  const auto matrix = [&](const Weights& weights) {
    const TensorRef tensor = packer_.dense(op_->name, weights.weight);
    return *reshaped(tensor, {tensor.shape[0], tensor.shape[1]});
  };
  const auto bias = [&](const Weights& weights) {
    return packer_.bias(op_->name, {{&weights, weights.weight->shape()[0]}}, DType::f32);
  };
  step.w1 = matrix(fc1), step.b1 = bias(fc1), step.w2 = matrix(fc2), step.b2 = bias(fc2);
  const Shape& map = step.x[0].shape;
  step.gates = storage_.scratch(op_->name + ":gates", {static_cast<Index>(step.x.size()), map[0], map[1]});
  step.y = output_place(0, Layout::channels_last);
  append(step);
  assign(op_->outputs[0], step.y);
}

void Emitter::emit(Unary step) {
  step.x = place(op_->inputs[0]);
  step.y = output_place(0, Layout::channels_last);
  append(step);
  assign(op_->outputs[0], step.y);
}

void Emitter::emit(Softmax step) {
  step.x = place(op_->inputs[0]);
  step.y = output_place(0, Layout::channels_last);
  append(step);
  assign(op_->outputs[0], step.y);
}

void Emitter::emit(Binary step) {
  step.y = output_place(0, Layout::channels_last);
  step.a = broadcast(place(op_->inputs[0]), step.y.shape);
  step.b = broadcast(place(op_->inputs[1]), step.y.shape);
  append(step);
  assign(op_->outputs[0], step.y);
}

void Emitter::emit(MatMul step) {
  step.y = output_place(0, Layout::row_major);
  const auto batched = [&](ValueId value) {  // y's outer extents, the operand's own matrix
    const TensorRef tensor = place(value);
    Shape shape = step.y.shape;
    for (std::size_t i = 1; i <= 2; ++i) shape[shape.rank() - i] = tensor.shape[tensor.shape.rank() - i];
    return broadcast(tensor, shape);
  };
  step.a = batched(op_->inputs[0]), step.b = batched(op_->inputs[1]);
  append(step);
  assign(op_->outputs[0], step.y);
}

}  // namespace peregrine::cuda::lowering
