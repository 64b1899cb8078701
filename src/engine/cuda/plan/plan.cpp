#include "engine/cuda/plan/plan.h"

#include "engine/cuda/plan/plan_fields.h"

namespace peregrine::cuda {
namespace {

struct Collector {
  Accesses found;
  static void add(std::vector<const TensorRef*>& list, const TensorRef& tensor) {
    if (tensor) list.push_back(&tensor);
  }
  static void add(std::vector<const TensorRef*>& list, const std::vector<TensorRef>& tensors) {
    for (const TensorRef& tensor : tensors) add(list, tensor);
  }
  void read(const char*, const auto& tensors) { add(found.reads, tensors); }
  void write(const char*, const auto& tensors) { add(found.writes, tensors); }
  void attribute(const char*, const auto&) {}
};

const char* name(const Conv&) { return "Conv"; }
const char* name(const Depthwise&) { return "Depthwise"; }
const char* name(const Bottleneck&) { return "Bottleneck"; }
const char* name(const DepthwisePointwise&) { return "DepthwisePointwise"; }
const char* name(const ConvTranspose&) { return "ConvTranspose"; }
const char* name(const Linear&) { return "Linear"; }
const char* name(const Pool&) { return "Pool"; }
const char* name(const PoolChain&) { return "PoolChain"; }
const char* name(const Upsample&) { return "Upsample"; }
const char* name(const Attention&) { return "Attention"; }
const char* name(const GatedSum&) { return "GatedSum"; }
const char* name(const GlobalAveragePool&) { return "GlobalAveragePool"; }
const char* name(const Unary&) { return "Unary"; }
const char* name(const Binary&) { return "Binary"; }
const char* name(const Softmax&) { return "Softmax"; }
const char* name(const MatMul&) { return "MatMul"; }
const char* name(const InstanceNorm&) { return "InstanceNorm"; }
const char* name(const Copy&) { return "Copy"; }

}  // namespace

bool channels_last(const TensorRef& tensor) noexcept {
  return tensor.shape.rank() == 4 && (tensor.strides[1] == 1 || tensor.shape[1] == 1);
}

bool is_half_resolution(const TensorRef& residual, const TensorRef& y) noexcept {
  return residual && 2 * residual.shape[2] == y.shape[2] && 2 * residual.shape[3] == y.shape[3];
}

const char* name_of(const Operation& operation) {
  return std::visit([](const auto& step) { return name(step); }, operation);
}

Accesses accesses(const Operation& operation) {
  Collector collector;
  std::visit([&](const auto& step) { visit_fields(step, collector); }, operation);
  return collector.found;
}

}  // namespace peregrine::cuda
