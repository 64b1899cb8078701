#include "graph/rewriter.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "graph/shapes.h"
#include "peregrine/error.h"

namespace peregrine::graph {

Rewriter::Rewriter(Graph& graph) : graph_(graph) { count_users(); }

void Rewriter::count_users() {
  users_.assign(graph_.values_.size(), {});
  for (std::size_t i = 0; i < graph_.nodes_.size(); ++i)
    for (ValueId input : graph_.nodes_[i].inputs) users(input).push_back(static_cast<std::int32_t>(i));
}

void Rewriter::release_if_unused(const Node* node) {
  std::vector<const Node*> pending{node};
  while (!pending.empty()) {
    const Node* candidate = pending.back();
    pending.pop_back();
    const auto in_use = [&](ValueId id) { return !users(id).empty() || is_output(id); };
    if (!candidate || std::ranges::any_of(candidate->outputs, in_use)) continue;
    for (ValueId input : candidate->inputs) {
      if (std::erase(users(input), static_cast<std::int32_t>(candidate - graph_.nodes_.data())) > 0)
        pending.push_back(graph_.producer(input));
    }
  }
}

const Node* Rewriter::only_user(ValueId id) const {
  const auto& all = users_.at(static_cast<std::size_t>(id));
  return all.size() == 1 && !is_output(id) ? &graph_.nodes_[static_cast<std::size_t>(all.front())] : nullptr;
}

bool Rewriter::is_output(ValueId id) const {
  return std::ranges::find(graph_.outputs_, id) != graph_.outputs_.end();
}

ValueId Rewriter::add_constant(std::string name, HostTensor tensor) {
  users_.emplace_back();
  return graph_.add_constant(std::move(name), std::move(tensor));
}

void Rewriter::replace(ValueId from, ValueId to) {
  if (value(from).shape != value(to).shape || value(from).dtype != value(to).dtype)
    throw Error("internal.graph",
                fmt::format("'{}' cannot stand for '{}'.", value(to).name, value(from).name));
  for (std::int32_t user : std::exchange(users(from), {})) {
    std::ranges::replace(graph_.nodes_[static_cast<std::size_t>(user)].inputs, from, to);
    users(to).push_back(user);
  }
  std::ranges::replace(graph_.outputs_, from, to);
  release_if_unused(graph_.producer(from));
}

void Rewriter::change(const Node& node, Operation operation, std::vector<ValueId> inputs) {
  const auto index = static_cast<std::int32_t>(&node - graph_.nodes_.data());
  std::vector<Shape> shapes, kept;
  for (ValueId input : inputs) shapes.push_back(value(input).shape);
  for (ValueId output : node.outputs) kept.push_back(value(output).shape);
  if (infer_shapes(operation, shapes) != kept)
    throw Error("internal.graph", fmt::format("Node '{}' would change its shape.", node.name));

  Node& changed = graph_.nodes_[static_cast<std::size_t>(index)];
  for (ValueId input : changed.inputs) std::erase(users(input), index);
  for (ValueId input : inputs) users(input).push_back(index);
  changed.operation = std::move(operation);
  for (ValueId dropped : std::exchange(changed.inputs, std::move(inputs)))
    release_if_unused(graph_.producer(dropped));
}

void Rewriter::clear_outputs() {
  graph_.outputs_.clear();
  graph_.output_names_.clear();
}

void Rewriter::remove_unused() {
  std::vector<bool> needed(graph_.values_.size());
  const auto need = [&](ValueId id) { needed[static_cast<std::size_t>(id)] = true; };
  const auto is_needed = [&](ValueId id) { return needed[static_cast<std::size_t>(id)]; };
  std::ranges::for_each(graph_.inputs_, need);
  std::ranges::for_each(graph_.outputs_, need);
  Graph kept;
  for (auto node = graph_.nodes_.rbegin(); node != graph_.nodes_.rend(); ++node) {
    if (std::ranges::none_of(node->outputs, is_needed)) continue;
    std::ranges::for_each(node->inputs, need);
    std::ranges::for_each(node->outputs, need);
    kept.nodes_.push_back(std::move(*node));
  }
  std::ranges::reverse(kept.nodes_);

  std::vector<ValueId> renumbered(needed.size(), ValueId::none);
  for (std::size_t i = 0; i < needed.size(); ++i)
    if (needed[i]) renumbered[i] = kept.add_value(std::move(graph_.values_[i]), Graph::no_producer);
  const auto renumber = [&](std::vector<ValueId>& ids) {
    for (ValueId& id : ids) id = renumbered[static_cast<std::size_t>(id)];
  };
  for (std::size_t i = 0; i < kept.nodes_.size(); ++i) {
    renumber(kept.nodes_[i].inputs);
    renumber(kept.nodes_[i].outputs);
    kept.node_names_.insert(kept.nodes_[i].name);
    for (ValueId output : kept.nodes_[i].outputs)
      kept.producers_[static_cast<std::size_t>(output)] = static_cast<std::int32_t>(i);
  }
  kept.inputs_ = std::move(graph_.inputs_);
  kept.outputs_ = std::move(graph_.outputs_);
  kept.output_names_ = std::move(graph_.output_names_);
  renumber(kept.inputs_);
  renumber(kept.outputs_);
  graph_ = std::move(kept);
  count_users();
}

}  // namespace peregrine::graph
