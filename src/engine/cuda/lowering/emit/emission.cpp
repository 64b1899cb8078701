#include "engine/cuda/lowering/emit/emission.h"

#include <fmt/format.h>

#include "engine/cuda/lowering/emit/emitter.h"
#include "engine/cuda/plan/tensor_views.h"

namespace peregrine::cuda::lowering {

Emitter::Emitter(const LoweredOps& ops, Storage& storage, ExecutionPlan& plan, DType dtype)
    : ops_(ops), graph_(ops.graph()), storage_(storage), plan_(plan), packer_(plan, dtype) {
  for (std::size_t i = 0; i < graph_.inputs().size(); ++i) {
    const ValueId input = graph_.inputs()[i];
    const TensorRef& tensor = plan.bindings[i].tensor;
    assign(input, tensor, -1);
    if (tensor.shape.rank() == 4) padded_[input] = tensor.strides[3];
  }
}

void Emitter::run() {
  for (const LoweredOp& op : ops_.ops()) {
    op_ = &op;
    if (op.operation)
      std::visit([&](const auto& step) { emit(step); }, *op.operation);
    else
      std::visit([&](const auto& viewed) { view(viewed); }, op.view);
  }
  for (std::size_t i = 0; i < graph_.outputs().size(); ++i) {
    const TensorRef from = place(graph_.outputs()[i]);
    const TensorRef to = plan_.bindings[graph_.inputs().size() + i].tensor;
    if (!same_elements(from, to)) copy(from, to, graph_.output_names()[i]);
  }
  for (const auto& [value, tensor] : places_)
    if (!graph_.value(value).constant && ops_.in_model(value))
      plan_.values.push_back({graph_.value(value).name, tensor, complete_.at(value)});
}

TensorRef Emitter::place(ValueId value) {
  if (const auto found = places_.find(value); found != places_.end()) return found->second;
  const graph::Value& constant = graph_.value(value);
  return places_[value] = packer_.dense(constant.name, constant.constant);
}

/// Where the op's output goes: where its reader wants it, over the residual, or into a buffer of its own.
TensorRef Emitter::output_place(std::size_t output, Layout layout) {
  const ValueId value = op_->outputs[output];
  if (const auto wanted = storage_.wanted(value)) return *wanted;
  if (const auto residual = storage_.overwrites(value))
    if (const TensorRef over = place(*residual); channels_last(over)) return over;
  return storage_.allocate(graph_.value(value).name, graph_.value(value).shape, layout);
}

TensorRef Emitter::feature_map(ValueId value) {
  const TensorRef tensor = place(value);
  return channels_last(tensor) ? tensor : copied(tensor, Layout::channels_last);
}

TensorRef Emitter::padded_feature_map(ValueId value) {
  TensorRef tensor = feature_map(value);
  if (const auto found = padded_.find(value); found != padded_.end()) tensor.shape[1] = found->second;
  return tensor;
}

TensorRef Emitter::copied(const TensorRef& from, Layout layout) {
  const TensorRef to = storage_.allocate(op_->name + ":copy", from.shape, layout);
  copy(from, to, op_->name);
  return to;
}

void Emitter::copy(const TensorRef& from, const TensorRef& to, const std::string& name) {
  plan_.steps.push_back({fmt::format("{}:copy{}", name, plan_.steps.size()), {}, Copy{from, to}, 0, {}, {}});
}

void Emitter::append(Operation operation) {
  plan_.steps.push_back({op_->name, op_->nodes, std::move(operation), 0, {}, {}});
}

void Emitter::assign(ValueId value, const TensorRef& tensor, std::int32_t step) {
  places_[value] = tensor;
  complete_[value] = step;
}

void emit(const LoweredOps& ops, Storage& storage, const LoweringOptions& options, ExecutionPlan& plan) {
  Emitter(ops, storage, plan, options.precision == Precision::fp32 ? DType::f32 : DType::f16).run();
}

}  // namespace peregrine::cuda::lowering
