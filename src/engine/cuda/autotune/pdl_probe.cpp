#include "engine/cuda/autotune/pdl_probe.h"

#include "cuda/graph.h"

namespace peregrine::cuda {

namespace {

/// Kernels start at slightly different times; all must go well.
constexpr int trials = 5;

}  // namespace

bool honors_pdl_wait(const StepBench& bench, const std::function<void()>& enqueue,
                     std::span<std::byte> workspace, double tolerance) {
  if (!bench.fits_one_kernel()) return false;
  const auto passes = [&](const std::function<void()>& follower) {
    const auto enqueue_both = [&] {
      bench.restore_after_trigger(workspace);
      follower();
    };
    const Graph graph = Graph::capture(bench.stream(), enqueue_both);
    for (int trial = 0; trial < 2 * trials; ++trial) {
      bench.fill_with_nan(workspace);
      trial % 2 == 0 ? graph.launch(bench.stream()) : enqueue_both();
      if (!bench.mismatch(tolerance).empty()) return false;
    }
    return true;
  };
  return !passes([&] { bench.write_without_waiting(); }) && passes(enqueue);
}

}  // namespace peregrine::cuda
