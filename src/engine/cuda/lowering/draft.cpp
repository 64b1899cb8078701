#include "engine/cuda/lowering/draft.h"

#include <algorithm>

namespace peregrine::cuda::lowering {

DraftList::DraftList(graph::Graph graph, std::vector<Draft> drafts)
    : graph_(std::move(graph)), model_values_(graph_.value_count()), drafts_(std::move(drafts)) {
  is_output_.resize(model_values_);
  for (ValueId output : graph_.outputs()) is_output_[static_cast<std::size_t>(output)] = true;
  index();
}

std::optional<std::size_t> DraftList::producer(ValueId value) const {
  const std::int32_t index = producers_.at(static_cast<std::size_t>(value));
  if (index < 0) return std::nullopt;
  return static_cast<std::size_t>(index);
}

void DraftList::replace(std::size_t at, Draft merged, std::vector<std::size_t> swallowed) {
  drafts_[at] = std::move(merged);
  std::ranges::sort(swallowed, std::greater());
  for (std::size_t gone : swallowed) drafts_.erase(drafts_.begin() + static_cast<std::ptrdiff_t>(gone));
  index();
}

ValueId DraftList::add_value(const std::string& name, graph::Operation operation, ValueId x, const Constant& weight) {
  return graph_.add(name, std::move(operation), {x, graph_.add_constant(name + ".weight", weight)});
}

void DraftList::index() {
  producers_.assign(graph_.value_count(), -1);
  readers_.assign(graph_.value_count(), {});
  is_output_.resize(graph_.value_count());
  for (std::size_t i = 0; i < drafts_.size(); ++i) {
    for (ValueId output : drafts_[i].outputs) producers_[static_cast<std::size_t>(output)] = static_cast<std::int32_t>(i);
    for (ValueId input : drafts_[i].inputs) readers_[static_cast<std::size_t>(input)].push_back(i);
    if (drafts_[i].residual != ValueId::none) readers_[static_cast<std::size_t>(drafts_[i].residual)].push_back(i);
  }
}

}  // namespace peregrine::cuda::lowering
