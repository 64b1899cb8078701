#include "engine/cuda/lowering/storage.h"

#include <algorithm>

#include "engine/cuda/plan/tensor_views.h"

namespace peregrine::cuda::lowering {
namespace {

Strides strides_of(const Shape& shape, Layout layout, std::int64_t multiple) {
  if (layout == Layout::row_major || shape.rank() < 3) return dense_strides(shape);
  Strides strides = shape;  // any of the same rank
  std::int64_t next = 1;
  const auto place = [&](std::size_t i) { strides[i] = next, next *= shape[i]; };
  if (layout == Layout::tokens) place(2);
  place(1);
  next = round_up(next, multiple);
  for (std::size_t i = shape.rank(); i-- > 2;)
    if (layout != Layout::tokens || i != 2) place(i);
  place(0);
  return strides;
}

/// Whether a step can write its output through such a view.
bool writable(const LoweredOp& op, const TensorRef& where) {
  if (op.outputs.size() > 1 && !op.as<PoolChain>())
    return false;  // parts of one convolution lie side by side
  if (op.as<Attention>()) return where.strides[2] == 1;
  if (op.as<Linear>()) return where.strides[1] == 1 || where.shape[1] == 1;
  const bool any = op.as<Unary>() || op.as<Binary>() || op.as<Softmax>() || op.as<MatMul>();
  return any || channels_last(where);
}

}  // namespace

std::size_t axis_of(std::int64_t axis, const Shape& shape) {
  return static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(shape.rank()) : axis);
}

Storage::Storage(const LoweredOps& ops, const LoweringOptions& options, ExecutionPlan& plan)
    : ops_(&ops), plan_(&plan), dtype_(options.precision == Precision::fp32 ? DType::f32 : DType::f16) {
  bind(options);
  if (options.in_place_residual) find_overwrites();
  const graph::Graph& graph = ops.graph();
  for (std::size_t i = 0; i < graph.outputs().size(); ++i)
    alias(graph.outputs()[i], plan.bindings[graph.inputs().size() + i].tensor);
  for (std::size_t i = ops.size(); i-- > 0;)
    if (ops.ops()[i].view_as<graph::Concat>()) alias_inputs_of(ops.ops()[i]);
}

std::optional<TensorRef> Storage::wanted(ValueId value) const {
  const auto found = wanted_.find(value);
  return found == wanted_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<ValueId> Storage::overwrites(ValueId value) const {
  const auto found = overwrites_.find(value);
  return found == overwrites_.end() ? std::nullopt : std::optional(found->second);
}

TensorRef Storage::allocate(const std::string& name, const Shape& shape, Layout layout,
                            std::int64_t multiple) {
  return add_buffer(name, dtype_, shape, strides_of(shape, layout, multiple));
}

TensorRef Storage::scratch(const std::string& name, const Shape& shape) {
  return add_buffer(name, DType::f32, shape, dense_strides(shape));
}

TensorRef Storage::add_buffer(const std::string& name, DType dtype, const Shape& shape,
                              const Strides& strides) {
  const std::int64_t elements = shape.rank() == 0 ? 1 : shape[0] * strides[0];
  const auto bytes = elements * static_cast<std::int64_t>(size_of(dtype));
  plan_->buffers.push_back({Buffer::Place::arena, bytes, 0, -1, name});
  return {static_cast<BufferId>(plan_->buffers.size() - 1), dtype, 0, shape, strides};
}

void Storage::bind(const LoweringOptions& options) {
  const graph::Graph& graph = ops_->graph();
  const auto add = [&](const std::string& name, bool is_input, const Shape& shape, std::int64_t multiple) {
    const TensorRef tensor = allocate(name, shape, Layout::channels_last, multiple);
    Buffer& buffer = plan_->buffers.back();
    buffer.place = Buffer::Place::binding;
    buffer.binding = static_cast<std::int32_t>(plan_->bindings.size());
    plan_->bindings.push_back({name, is_input, tensor});
  };
  for (ValueId id : graph.inputs()) {
    const graph::Value& value = graph.value(id);
    const bool image = value.shape.rank() == 4 && value.shape[1] <= options.input_channels;
    add(value.name, true, value.shape, image ? options.input_channels : channel_multiple);
    wanted_[id] = plan_->bindings.back().tensor;
  }
  for (std::size_t i = 0; i < graph.outputs().size(); ++i)
    add(graph.output_names()[i], false, graph.value(graph.outputs()[i]).shape, channel_multiple);
}

void Storage::find_overwrites() {
  for (std::size_t i = 0; i < ops_->size(); ++i)
    if (may_overwrite(i)) overwrites_[ops_->ops()[i].outputs[0]] = ops_->ops()[i].residual;
}

/// Whether op `index` may write over its residual: scratch memory that nobody reads later, nor the op itself
/// in another way than element by element.
bool Storage::may_overwrite(std::size_t index) const {
  const LoweredOp& op = ops_->ops()[index];
  if (op.residual == ValueId::none || read_later(op.residual, index)) return false;
  const graph::Graph& graph = ops_->graph();
  if (graph.value(op.residual).shape != graph.value(op.outputs[0]).shape) return false;
  // The memory may be that of a larger value, of which the residual is a view.
  ValueId value = op.residual;
  auto maker = ops_->producer(value);
  while (maker && !ops_->ops()[*maker].operation) {
    const LoweredOp& view = ops_->ops()[*maker];
    if (view.view_as<graph::Concat>()) return false;
    for (std::size_t reader : ops_->readers(view.inputs[0])) {
      const bool beside = reader == *maker;  // other parts of a split do not overlap
      if (!beside && (reader >= index || !ops_->ops()[reader].operation)) return false;
    }
    if (ops_->is_output(view.inputs[0])) return false;
    value = view.inputs[0];
    maker = ops_->producer(value);
  }
  return maker.has_value();
}

/// Whether a value, or a view of it, is an output, part of a concat, or read by a op from `index` on
/// otherwise than as that op's residual.
bool Storage::read_later(ValueId value, std::size_t index) const {
  if (ops_->is_output(value)) return true;
  for (std::size_t reader : ops_->readers(value)) {
    const LoweredOp& op = ops_->ops()[reader];
    const auto in_view = [&](ValueId output) { return read_later(output, index); };
    const bool at_its_input = reader == index && std::ranges::find(op.inputs, value) != op.inputs.end();
    const bool late = op.operation ? reader > index || at_its_input
                                   : op.view_as<graph::Concat>() || std::ranges::any_of(op.outputs, in_view);
    if (late) return true;
  }
  return false;
}

ValueId Storage::origin(ValueId value) const {
  for (auto next = overwrites(value); next; next = overwrites(value)) value = *next;
  return value;
}

void Storage::alias_inputs_of(const LoweredOp& concat) {
  const graph::Graph& graph = ops_->graph();
  const ValueId output = concat.outputs[0];
  const Shape& shape = graph.value(output).shape;
  if (!wanted_.contains(output))
    wanted_[output] = allocate(graph.value(output).name, shape, Layout::channels_last);
  const TensorRef whole = wanted_[output];
  shared_.insert(whole.buffer);
  const std::size_t axis = axis_of(concat.view_as<graph::Concat>()->axis, shape);
  std::int64_t start = 0;
  for (std::size_t i = 0; i < concat.inputs.size();) {
    std::size_t parts = alias_split(concat, i, whole, start);
    if (parts == 0) {
      const std::int64_t extent = graph.value(concat.inputs[i]).shape[axis];
      alias(concat.inputs[i], sliced(whole, axis, start, extent));
      parts = 1;
    }
    for (; parts > 0; --parts) start += graph.value(concat.inputs[i++]).shape[axis];
  }
}

/// Where the inputs from `first` on are all parts of one split, in order (or stand in their place): claims
/// what was split. Returns how many inputs that settles.
std::size_t Storage::alias_split(const LoweredOp& concat, std::size_t first, const TensorRef& whole,
                                 std::int64_t start) {
  const graph::Graph& graph = ops_->graph();
  const LoweredOp* split = ops_->viewed_by<graph::Split>(origin(concat.inputs[first]));
  if (!split || first + split->outputs.size() > concat.inputs.size()) return 0;
  for (std::size_t i = 0; i < split->outputs.size(); ++i)
    if (origin(concat.inputs[first + i]) != split->outputs[i]) return 0;
  const Shape& shape = graph.value(split->inputs[0]).shape;
  const std::size_t axis = axis_of(split->view_as<graph::Split>()->axis, shape);
  if (axis != axis_of(concat.view_as<graph::Concat>()->axis, shape)) return 0;
  if (!alias(split->inputs[0], sliced(whole, axis, start, shape[axis]))) return 0;
  for (std::size_t i = 0; i < split->outputs.size(); ++i) {
    const std::int64_t extent = graph.value(split->outputs[i]).shape[axis];
    const TensorRef part = sliced(whole, axis, start, extent);
    wanted_[split->outputs[i]] = part;
    for (ValueId value = concat.inputs[first + i]; value != split->outputs[i]; value = overwrites_.at(value))
      wanted_[value] = part;
    start += extent;
  }
  return split->outputs.size();
}

/// Asks for a value to be made at a place; false if it cannot be, and then a copy is due.
bool Storage::alias(ValueId value, const TensorRef& where) {
  if (const auto already = wanted(value)) return same_elements(*already, where);
  const auto maker = ops_->producer(value);
  if (!maker) return false;  // inputs are wanted where they are; a constant lies in the weights
  const LoweredOp& op = ops_->ops()[*maker];
  if (!op.operation) {
    if (!alias_from_view(op, where)) return false;
  } else {
    if (!writable(op, where)) return false;
    if (const auto residual = overwrites(value); residual && !alias(*residual, where))
      overwrites_.erase(value);
  }
  wanted_[value] = where;
  return true;
}

bool Storage::alias_from_view(const LoweredOp& view, const TensorRef& where) {
  const Shape& shape = ops_->graph().value(view.inputs[0]).shape;
  if (view.view_as<graph::Concat>()) return true;  // its inputs follow
  if (view.view_as<graph::Cast>()) return alias(view.inputs[0], where);
  if (view.view_as<graph::Reshape>()) {
    const auto unshaped = reshaped(where, shape);
    return unshaped && alias(view.inputs[0], *unshaped);
  }
  if (const auto* transpose = view.view_as<graph::Transpose>()) {
    std::vector<std::int64_t> inverse(transpose->permutation.size());
    for (std::size_t i = 0; i < inverse.size(); ++i)
      inverse[static_cast<std::size_t>(transpose->permutation[i])] = static_cast<std::int64_t>(i);
    return alias(view.inputs[0], transposed(where, inverse));
  }
  return false;  // a part of something: the whole must be elsewhere
}

}  // namespace peregrine::cuda::lowering
