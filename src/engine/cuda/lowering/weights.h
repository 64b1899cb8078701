// Constants in the layouts that kernels read, appended to the plan's weights.
#pragma once

#include <map>

#include "engine/cuda/lowering/lowered_op.h"

namespace peregrine::cuda::lowering {

class WeightPacker {
 public:
  WeightPacker(ExecutionPlan& plan, DType dtype) : plan_(&plan), dtype_(dtype) {}

  /// One output's share of a convolution's channels: `weights` fills the first rows, zeros the others.
  struct Rows {
    const Weights* weights;
    std::int64_t channels;  ///< at least as many as `weights` has rows
  };
  /// [K,C,kh,kw] stored K,kh,kw,C; `channels_in` is C with padding.
  TensorRef convolution(const std::string& name, const std::vector<Rows>& parts, std::int64_t channels_in);
  /// [C,1,kh,kw] stored kh,kw,C.
  TensorRef depthwise(const std::string& name, const Weights& weights, std::int64_t channels);
  /// [C,K,kh,kw] stored kh,kw,K,C.
  TensorRef transposed(const std::string& name, const Weights& weights, std::int64_t channels_in,
                       std::int64_t channels_out);
  /// [K] f32 or rounded to f16; absent without any bias.
  TensorRef bias(const std::string& name, const std::vector<Rows>& parts, DType dtype);
  /// As it is, row-major.
  TensorRef dense(const std::string& name, const Constant& constant, DType dtype);
  TensorRef dense(const std::string& name, const Constant& constant) { return dense(name, constant, dtype_); }

 private:
  TensorRef store(const std::string& name, const std::vector<float>& values, const Shape& shape,
                  const Strides& strides, DType dtype);

  ExecutionPlan* plan_;
  DType dtype_;
};

}  // namespace peregrine::cuda::lowering
