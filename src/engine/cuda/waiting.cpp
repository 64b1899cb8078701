#include "engine/cuda/waiting.h"

#include "base/cuda/graph.h"

namespace peregrine::cuda {

namespace {

/// Kernels start at slightly different times; all must go well.
constexpr int trials = 5;

}  // namespace

bool waits_for_predecessor(const StepBench& bench, const std::function<void()>& enqueue, std::span<std::byte> workspace,
                           double tolerance) {
  if (!bench.fits_one_kernel()) return false;
  const auto passes = [&](const std::function<void()>& follower) {
    const auto enqueue_both = [&] {
      bench.restore_late(workspace);
      follower();
    };
    const Graph graph = Graph::capture(bench.stream(), enqueue_both);
    for (int trial = 0; trial < 2 * trials; ++trial) {
      bench.spoil(workspace);
      trial % 2 == 0 ? graph.launch(bench.stream()) : enqueue_both();
      if (!bench.disagreement(tolerance).empty()) return false;
    }
    return true;
  };
  return !passes([&] { bench.answer_at_once(); }) && passes(enqueue);
}

}  // namespace peregrine::cuda
