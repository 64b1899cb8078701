#include "engine/cuda/plan/statistics.h"

#include <algorithm>

namespace peregrine::cuda {
namespace {

double elements(const TensorRef& tensor) { return static_cast<double>(tensor.shape.elements()); }

/// Multiply-adds count double. Elementwise work is bound by its bytes; one operation an element is near
/// enough.
double flops(const Conv& s) {
  return 2 * elements(s.y) * elements(s.weight) / static_cast<double>(s.y.shape[1]);
}
double flops(const Depthwise& s) {
  return 2 * elements(s.y) * static_cast<double>(s.weight.shape[2] * s.weight.shape[3]);
}
double flops(const Bottleneck& s) {
  return 4 * elements(s.y) * elements(s.weight1) / static_cast<double>(s.y.shape[1]);
}
double flops(const DepthwisePointwise& s) {
  return 2 * elements(s.x) * (9 + static_cast<double>(s.y.shape[1]));
}
double flops(const ConvTranspose& s) { return 2 * elements(s.y) * static_cast<double>(s.x.shape[1]); }
double flops(const Linear& s) { return 2 * elements(s.y) * static_cast<double>(s.x.shape[1]); }
double flops(const Pool& s) { return elements(s.y) * static_cast<double>(s.kernel[0] * s.kernel[1]); }
double flops(const PoolChain& s) {
  return elements(s.x) * static_cast<double>(s.y.size()) * 2 * static_cast<double>(s.kernel);
}
double flops(const Attention& s) {
  return 2 * static_cast<double>(s.q.shape[3]) * (elements(s.q) + elements(s.v));
}
double flops(const GatedSum& s) { return 3 * elements(s.y) * static_cast<double>(s.x.size()); }
double flops(const MatMul& s) {
  return 2 * elements(s.y) * static_cast<double>(s.a.shape[s.a.shape.rank() - 1]);
}
double flops(const auto& s) { return elements(s.y); }

/// Bytes that a view really touches: a broadcast dimension counts once.
double bytes_of(const TensorRef& tensor) {
  double count = static_cast<double>(size_of(tensor.dtype));
  for (std::size_t i = 0; i < tensor.shape.rank(); ++i)
    if (tensor.strides[i] != 0) count *= static_cast<double>(tensor.shape[i]);
  return count;
}

}  // namespace

StepCost cost(const Operation& operation) {
  StepCost result;
  result.flops = std::visit([](const auto& step) { return flops(step); }, operation);
  const Accesses tensors = accesses(operation);
  for (const TensorRef* tensor : tensors.reads) result.bytes += bytes_of(*tensor);
  for (const TensorRef* tensor : tensors.writes) result.bytes += bytes_of(*tensor);
  return result;
}

double least_seconds(const StepCost& cost, const Roofline& limits) {
  return std::max(cost.flops / limits.flops_per_second, cost.bytes / limits.bytes_per_second);
}

PlanStatistics statistics(const ExecutionPlan& plan) {
  PlanStatistics result;
  for (const Step& step : plan.steps) {
    ++result.steps[name_of(step.operation)];
    const StepCost one = cost(step.operation);
    result.total.flops += one.flops, result.total.bytes += one.bytes;
    result.dependencies += static_cast<int>(step.dependencies.size());
  }
  result.arena_bytes = plan.arena_bytes;
  result.weight_bytes = static_cast<std::int64_t>(plan.weights.size());
  for (const Buffer& buffer : plan.buffers)
    if (buffer.place == Buffer::Place::arena) result.unshared_bytes += buffer.bytes;
  result.streams = plan.streams;
  return result;
}

}  // namespace peregrine::cuda
