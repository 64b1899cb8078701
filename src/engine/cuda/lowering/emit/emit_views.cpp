#include <algorithm>

#include "engine/cuda/lowering/emit/emitter.h"
#include "engine/cuda/plan/tensor_views.h"

namespace peregrine::cuda::lowering {

void Emitter::view(const graph::Cast&) { assign_view(0, place(op_->inputs[0]), complete(op_->inputs[0])); }

void Emitter::view(const graph::Transpose& transpose) {
  assign_view(0, transposed(place(op_->inputs[0]), transpose.permutation), complete(op_->inputs[0]));
}

void Emitter::view(const graph::Slice& slice) {
  const TensorRef from = place(op_->inputs[0]);
  const std::size_t axis = axis_of(slice.axis, from.shape);
  assign_view(0, sliced(from, axis, slice.start, graph_.value(op_->outputs[0]).shape[axis], slice.step),
              complete(op_->inputs[0]));
}

void Emitter::view(const graph::Split& split) {
  const TensorRef from = place(op_->inputs[0]);
  const std::size_t axis = axis_of(split.axis, from.shape);
  Index start = 0;
  for (std::size_t i = 0; i < split.sizes.size(); start += split.sizes[i++])
    assign_view(i, sliced(from, axis, start, split.sizes[i]), complete(op_->inputs[0]));
}

void Emitter::view(const graph::Reshape& reshape) {
  const TensorRef from = place(op_->inputs[0]);
  if (const auto direct = reshaped(from, reshape.shape)) {
    assign_view(0, *direct, complete(op_->inputs[0]));
    return;
  }
  const TensorRef dense = copied(from, Layout::row_major);
  assign_view(0, *reshaped(dense, reshape.shape), last_step());
}

void Emitter::view(const graph::Concat& concat) {
  const TensorRef whole = *storage_.wanted(op_->outputs[0]);
  const std::size_t axis = axis_of(concat.axis, whole.shape);
  Index start = 0;
  std::int32_t last = -1;
  for (ValueId input : op_->inputs) {
    const TensorRef from = place(input);
    const TensorRef to = sliced(whole, axis, start, from.shape[axis]);
    if (!same_elements(from, to)) copy(from, to, op_->name);
    last = std::max(last, same_elements(from, to) ? complete(input) : last_step());
    start += from.shape[axis];
  }
  assign(op_->outputs[0], whole, last);
}

/// A view stays where its input is, unless somebody wants it elsewhere.
void Emitter::assign_view(std::size_t output, const TensorRef& from, std::int32_t step) {
  const ValueId value = op_->outputs[output];
  const auto to = storage_.wanted(value);
  if (!to || same_elements(*to, from)) {
    assign(value, from, step);
  } else {
    copy(from, *to, op_->name);
    assign(value, *to);
  }
}

/// Constants are there from the start.
std::int32_t Emitter::complete(ValueId value) const {
  const auto found = complete_.find(value);
  return found == complete_.end() ? -1 : found->second;
}

}  // namespace peregrine::cuda::lowering
