#include <algorithm>

#include "engine/cuda/lowering/emit/emission.h"
#include "engine/cuda/lowering/fuse/fusion.h"

namespace peregrine::cuda::lowering {
namespace {

/// A convolution that could become one of several parts.
bool plain(const LoweredOp& op) {
  const auto* step = op.as<Conv>();
  return step && step->groups == 1 && op.residual == ValueId::none && op.outputs.size() == 1;
}

bool same_window(const LoweredOp& a, const LoweredOp& b) {
  const Shape &x = a.weights[0].weight->shape(), &y = b.weights[0].weight->shape();
  return a.inputs == b.inputs && *a.as<Conv>() == *b.as<Conv>() && x[2] == y[2] && x[3] == y[3];
}

/// The first run of convolutions, at least two, whose readers want their outputs side by side, in the order
/// of memory.
std::vector<std::size_t> adjacent(const LoweredOps& ops, const Storage& storage,
                                  std::vector<std::size_t> group) {
  const auto place = [&](std::size_t index) { return *storage.wanted(ops.ops()[index].outputs[0]); };
  std::ranges::sort(group, {},
                    [&](std::size_t index) { return std::pair(place(index).buffer, place(index).offset); });
  std::vector<std::size_t> run;
  for (std::size_t index : group) {
    if (!run.empty()) {
      const TensorRef last = place(run.back()), next = place(index);
      const bool touches = last.buffer == next.buffer && last.strides == next.strides &&
                           last.offset + last.shape[1] == next.offset;
      if (!touches && run.size() > 1) break;
      if (!touches) run.clear();
    }
    run.push_back(index);
  }
  return run.size() > 1 ? run : std::vector<std::size_t>{};
}

void merge(LoweredOps& ops, const std::vector<std::size_t>& group) {
  LoweredOp merged = ops.ops()[group.front()];
  for (std::size_t i = 1; i < group.size(); ++i) {
    const LoweredOp& sibling = ops.ops()[group[i]];
    merged.weights.push_back(sibling.weights[0]);
    merged.outputs.push_back(sibling.outputs[0]);
    take_nodes(merged, sibling);
  }
  std::vector<std::size_t> others = group;
  const auto first = std::ranges::min_element(others);  // the earliest reader needs its part first
  const std::size_t at = *first;
  others.erase(first);
  ops.replace(at, std::move(merged), std::move(others));
}

}  // namespace

void fuse_siblings(LoweredOps& ops, const Storage& storage) {
  for (std::size_t i = 0; i < ops.size();) {
    std::vector<std::size_t> free, placed;
    for (std::size_t j = i; plain(ops.ops()[i]) && j < ops.size(); ++j)
      if (plain(ops.ops()[j]) && same_window(ops.ops()[i], ops.ops()[j]))
        (storage.wanted(ops.ops()[j].outputs[0]) ? placed : free).push_back(j);
    const std::vector<std::size_t> run = adjacent(ops, storage, placed);
    if (free.size() > 1)
      merge(ops, free);
    else if (!run.empty())
      merge(ops, run);
    else
      ++i;
  }
}

}  // namespace peregrine::cuda::lowering
