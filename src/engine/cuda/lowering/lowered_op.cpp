#include "engine/cuda/lowering/lowered_op.h"

#include <algorithm>

namespace peregrine::cuda::lowering {

LoweredOps::LoweredOps(graph::Graph graph, std::vector<LoweredOp> ops)
    : graph_(std::move(graph)), model_values_(graph_.value_count()), ops_(std::move(ops)) {
  is_output_.resize(model_values_);
  for (ValueId output : graph_.outputs()) is_output_[static_cast<std::size_t>(output)] = true;
  index();
}

std::optional<std::size_t> LoweredOps::producer(ValueId value) const {
  const std::int32_t index = producers_.at(static_cast<std::size_t>(value));
  if (index < 0) return std::nullopt;
  return static_cast<std::size_t>(index);
}

void LoweredOps::replace(std::size_t at, LoweredOp merged, std::vector<std::size_t> fused) {
  ops_[at] = std::move(merged);
  std::ranges::sort(fused, std::greater());
  for (std::size_t gone : fused) ops_.erase(ops_.begin() + static_cast<std::ptrdiff_t>(gone));
  index();
}

ValueId LoweredOps::add_value(const std::string& name, graph::Operation operation, ValueId x,
                              const Constant& weight) {
  return graph_.add(name, std::move(operation), {x, graph_.add_constant(name + ".weight", weight)});
}

void LoweredOps::index() {
  producers_.assign(graph_.value_count(), -1);
  readers_.assign(graph_.value_count(), {});
  is_output_.resize(graph_.value_count());
  for (std::size_t i = 0; i < ops_.size(); ++i) {
    for (ValueId output : ops_[i].outputs)
      producers_[static_cast<std::size_t>(output)] = static_cast<std::int32_t>(i);
    for (ValueId input : ops_[i].inputs) readers_[static_cast<std::size_t>(input)].push_back(i);
    if (ops_[i].residual != ValueId::none) readers_[static_cast<std::size_t>(ops_[i].residual)].push_back(i);
  }
}

}  // namespace peregrine::cuda::lowering
