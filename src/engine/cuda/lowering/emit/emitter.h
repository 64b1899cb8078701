// Turns ops into steps, one after another. Private to emission; split over files by kind of step.
#pragma once

#include <map>

#include "engine/cuda/lowering/lowered_op.h"
#include "engine/cuda/lowering/storage.h"
#include "engine/cuda/lowering/weights.h"

namespace peregrine::cuda::lowering {

class Emitter {
 public:
  using Index = std::int64_t;

  Emitter(const LoweredOps& ops, Storage& storage, ExecutionPlan& plan, DType dtype);
  void run();

 private:
  using Parts = std::vector<WeightPacker::Rows>;

  // emit_convolutions.cpp
  void emit(Conv step);
  void emit(Depthwise step);
  void emit(ConvTranspose step);
  void emit_upsampled(const ConvTranspose& step);  // emit_upsampled.cpp
  void emit(Linear step);
  void add_bias(auto& step, const Parts& parts);
  Index rows(std::size_t output) const;
  Parts lay_out_channels(TensorRef& y, bool may_pad);
  Index room_for(const TensorRef& y, Index real) const;
  TensorRef residual_for(const TensorRef& y);

  // emit_steps.cpp
  void emit(Pool step);
  void emit(Upsample step);
  void emit(GlobalAveragePool step);
  void emit(InstanceNorm step);
  void emit(PoolChain step);
  void emit(Attention step);
  void emit(GatedSum step);
  void emit(Unary step);
  void emit(Softmax step);
  void emit(Binary step);
  void emit(MatMul step);
  void emit(const Bottleneck&) {}          // made of a finished plan (conv_pairs.h)
  void emit(const DepthwisePointwise&) {}  // likewise
  void emit(const Copy&) {}                // no op asks for one
  void emit_map(auto step);

  // emit_views.cpp
  void view(const graph::Cast& cast);
  void view(const graph::Transpose& transpose);
  void view(const graph::Slice& slice);
  void view(const graph::Split& split);
  void view(const graph::Reshape& reshape);
  void view(const graph::Concat& concat);
  void view(const auto&) {}  // the table makes no other views
  void assign_view(std::size_t output, const TensorRef& from, std::int32_t step);
  std::int32_t complete(ValueId value) const;

  // emission.cpp: places and steps
  TensorRef place(ValueId value);
  TensorRef output_place(std::size_t output, Layout layout);
  TensorRef feature_map(ValueId value);
  TensorRef padded_feature_map(ValueId value);
  TensorRef copied(const TensorRef& from, Layout layout);
  void copy(const TensorRef& from, const TensorRef& to, const std::string& name);
  void append(Operation operation);
  std::int32_t last_step() const { return static_cast<std::int32_t>(plan_.steps.size()) - 1; }
  /// Records where a value is, once `step` has run.
  void assign(ValueId value, const TensorRef& tensor, std::int32_t step);
  void assign(ValueId value, const TensorRef& tensor) { assign(value, tensor, last_step()); }

  const LoweredOps& ops_;
  const graph::Graph& graph_;
  Storage& storage_;
  ExecutionPlan& plan_;
  WeightPacker packer_;
  const LoweredOp* op_ = nullptr;  ///< the one at hand
  std::map<ValueId, TensorRef> places_;
  std::map<ValueId, std::int32_t> complete_;  ///< step after which a value is there
  std::map<ValueId, Index> padded_;           ///< channels that a value's pixels have, padding included
};

void Emitter::add_bias(auto& step, const Parts& parts) {
  step.bias = packer_.bias(op_->name, parts, DType::f32);
  if (plan_.precision == Precision::fp16) step.bias_f16 = packer_.bias(op_->name, parts, DType::f16);
}

}  // namespace peregrine::cuda::lowering
