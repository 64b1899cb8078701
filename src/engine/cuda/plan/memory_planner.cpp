#include "engine/cuda/plan/memory_planner.h"

#include <algorithm>
#include <numeric>

#include "engine/cuda/plan/schedule.h"

namespace peregrine::cuda {
namespace {

using Users = std::vector<std::vector<std::int32_t>>;  ///< by buffer: the steps that touch it, rising

Users users_of(const ExecutionPlan& plan) {
  Users users(plan.buffers.size());
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const Accesses tensors = accesses(plan.steps[i].operation);
    for (const auto& list : {tensors.reads, tensors.writes})
      for (const TensorRef* tensor : list) {
        auto& steps = users[static_cast<std::size_t>(tensor->buffer)];
        if (steps.empty() || steps.back() != static_cast<std::int32_t>(i))
          steps.push_back(static_cast<std::int32_t>(i));
      }
  }
  return users;
}

bool all_before(const HappensBefore& before, const std::vector<std::int32_t>& a,
                const std::vector<std::int32_t>& b) {
  return std::ranges::all_of(
      a, [&](auto x) { return std::ranges::all_of(b, [&](auto y) { return before(x, y); }); });
}

struct ByteRange {
  std::int64_t begin, end;
};

/// The smallest gap between `taken` that holds `bytes`; behind all of them if there is none.
std::int64_t best_fit(std::vector<ByteRange> taken, std::int64_t bytes) {
  std::ranges::sort(taken, {}, &ByteRange::begin);
  std::int64_t best = -1, best_gap = 0, end = 0;
  for (const ByteRange& range : taken) {
    const std::int64_t gap = range.begin - end;
    if (gap >= bytes && (best < 0 || gap < best_gap)) best = end, best_gap = gap;
    end = std::max(end, range.end);
  }
  return best < 0 ? end : best;
}

}  // namespace

void plan_memory(ExecutionPlan& plan) {
  const Users users = users_of(plan);
  const HappensBefore before(plan);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < plan.buffers.size(); ++i)
    if (plan.buffers[i].place == Buffer::Place::arena && !users[i].empty()) order.push_back(i);
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t i) { return plan.buffers[i].bytes; });

  plan.arena_bytes = 0;
  std::vector<std::size_t> placed;
  for (std::size_t i : order) {
    const std::int64_t bytes =
        (plan.buffers[i].bytes + arena_alignment - 1) / arena_alignment * arena_alignment;
    std::vector<ByteRange> taken;
    for (std::size_t j : placed)
      if (!all_before(before, users[i], users[j]) && !all_before(before, users[j], users[i]))
        taken.push_back({plan.buffers[j].offset, plan.buffers[j].offset + plan.buffers[j].bytes});
    for (ByteRange& range : taken)
      range.end = (range.end + arena_alignment - 1) / arena_alignment * arena_alignment;
    plan.buffers[i].offset = best_fit(std::move(taken), bytes);
    plan.arena_bytes = std::max(plan.arena_bytes, plan.buffers[i].offset + bytes);
    placed.push_back(i);
  }
}

}  // namespace peregrine::cuda
