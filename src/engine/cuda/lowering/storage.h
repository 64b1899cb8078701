// Which values share memory: concat's inputs are slices of its output, a view is its input seen otherwise, a
// sum may overwrite its residual, an output of the graph is a binding. Decided from the graph's end
// backwards, before any step is emitted: a producer must know where its reader wants the result.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "engine/cuda/lowering/lowered_op.h"
#include "engine/cuda/lowering/lowering.h"

namespace peregrine::cuda::lowering {

/// How a new buffer holds a value.
enum class Layout : std::uint8_t {
  channels_last,  ///< dimension 1 innermost, the rest in order; below three dimensions: row-major
  row_major,      ///< dense
  tokens,         ///< [N,heads,dimension,tokens]: all that belongs to a token side by side
};

/// Pixels are stored in multiples of 8 channels: 16 bytes of halves are what one load of a kernel takes.
inline constexpr std::int64_t channel_multiple = 8;
constexpr std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

class Storage {
 public:
  /// Adds bindings and the buffers of concats to `plan`.
  Storage(const LoweredOps& ops, const LoweringOptions& options, ExecutionPlan& plan);

  /// Where a value's reader wants it; nothing: its producer is free.
  std::optional<TensorRef> wanted(ValueId value) const;
  /// The residual that the producer of `value` may overwrite.
  std::optional<ValueId> overwrites(ValueId value) const;
  /// No concat has slices in the buffer: padding channels behind the last channel belong to one value.
  bool unshared(BufferId buffer) const { return !shared_.contains(buffer); }

  TensorRef allocate(const std::string& name, const Shape& shape, Layout layout,
                     std::int64_t multiple = channel_multiple);
  /// Row-major f32, for a step's own use.
  TensorRef scratch(const std::string& name, const Shape& shape);

 private:
  TensorRef add_buffer(const std::string& name, DType dtype, const Shape& shape, const Strides& strides);
  void bind(const LoweringOptions& options);
  void find_overwrites();
  bool may_overwrite(std::size_t index) const;
  bool read_later(ValueId value, std::size_t index) const;
  void alias_inputs_of(const LoweredOp& concat);
  bool alias(ValueId value, const TensorRef& where);
  bool alias_from_view(const LoweredOp& view, const TensorRef& where);
  std::size_t alias_split(const LoweredOp& concat, std::size_t first, const TensorRef& whole,
                          std::int64_t start);
  ValueId origin(ValueId value) const;

  const LoweredOps* ops_;
  ExecutionPlan* plan_;
  DType dtype_;
  std::map<ValueId, TensorRef> wanted_;
  std::map<ValueId, ValueId> overwrites_;
  std::set<BufferId> shared_;
};

/// The axis of a concat, split or slice counted from the front.
std::size_t axis_of(std::int64_t axis, const Shape& shape);

}  // namespace peregrine::cuda::lowering
