// Runs an execution plan on the CPU, step by step over a real arena with exactly the plan's aliasing: the
// proof that lowering, views, memory sharing and order are right, without a GPU. Clear before fast.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "engine/cuda/plan/plan.h"

namespace peregrine::reference {

class PlanExecutor {
 public:
  /// The arena and all outputs start as NaN; the memory of a buffer becomes NaN again just before its first
  /// use.
  explicit PlanExecutor(const cuda::ExecutionPlan& plan);

  /// Dense FP32 with the binding's logical shape; padding channels become zeros.
  void set_input(const std::string& name, const HostTensor& value);

  /// In the plan's order; `after` is called with each step's index once it is done (-1: before the first).
  void run(const std::function<void(std::int32_t)>& after = {});
  /// In an order that streams and waits allow, chosen by `seed`.
  void run_interleaved(unsigned seed);

  /// A dense FP32 copy, in the tensor's logical shape.
  HostTensor read(const cuda::TensorRef& tensor) const;
  HostTensor output(const std::string& name) const;

 private:
  void start();
  void run_step(std::size_t index);
  void fill_fresh_buffers_with_nan(const cuda::Step& step);

  const std::byte* address(const cuda::TensorRef& tensor) const;
  std::byte* writable(const cuda::TensorRef& tensor);
  std::vector<float> load(const cuda::TensorRef& tensor) const;
  void store(const cuda::TensorRef& tensor, const std::vector<float>& values);
  std::vector<float> load_optional(const cuda::TensorRef& tensor) const;

  // plan_windows.cpp: a window over a map; plan_operations.cpp: the others
  void run(const cuda::Conv& step);
  void run(const cuda::Depthwise& step);
  void run(const cuda::Bottleneck& step);
  void run(const cuda::DepthwisePointwise& step);
  void run(const cuda::ConvTranspose& step);
  void run(const cuda::Linear& step);
  void run(const cuda::Pool& step);
  void run(const cuda::PoolChain& step);
  void run(const cuda::Upsample& step);
  void run(const cuda::Attention& step);
  void run(const cuda::GatedSum& step);
  void run(const cuda::GlobalAveragePool& step);
  void run(const cuda::Unary& step);
  void run(const cuda::Binary& step);
  void run(const cuda::Softmax& step);
  void run(const cuda::MatMul& step);
  void run(const cuda::InstanceNorm& step);
  void run(const cuda::Copy& step);

  const cuda::ExecutionPlan& plan_;
  std::vector<std::byte> arena_;
  std::vector<std::vector<std::byte>> bindings_;
  std::vector<bool> used_;
};

}  // namespace peregrine::reference
