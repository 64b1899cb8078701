#include "engine/cuda/runtime/profile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "cuda/graph.h"
#include "cuda/stream.h"
#include "engine/cuda/plan/statistics.h"

namespace peregrine::cuda {
namespace {

constexpr int repeats = 20;  ///< in one graph: a step lasts microseconds
constexpr std::size_t rounds = 7;

std::string describe(const Step& step) {
  std::string text =
      fmt::format("{} {}", name_of(step.operation), to_string(accesses(step.operation).reads.front()->shape));
  if (const auto* conv = std::get_if<Conv>(&step.operation))
    text += fmt::format(" w{} s{}{}", to_string(conv->weight.shape), conv->stride[0],
                        conv->residual ? " +res" : "");
  if (const auto* conv = std::get_if<Depthwise>(&step.operation))
    text += fmt::format(" s{}", conv->stride[0]);
  return text;
}

double median_us(const Graph& graph, cudaStream_t stream) {
  const Event start = Event::create_timing(), end = Event::create_timing();
  std::array<double, rounds> times{};
  graph.launch(stream);
  for (double& time : times) {
    start.record(stream);
    graph.launch(stream);
    end.record(stream);
    end.synchronize();
    time = 1e3 * end.milliseconds_since(start) / repeats;
  }
  std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
  return times[rounds / 2];
}

}  // namespace

std::vector<LayerTime> time_steps(Executor& executor, cudaStream_t stream) {
  std::vector<LayerTime> layers;
  const std::vector<Step>& steps = executor.plan().steps;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Graph graph = Graph::capture(stream, [&] {
      for (int r = 0; r < repeats; ++r) executor.enqueue_step(i, stream);
    });
    const Tactic& tactic = steps[i].tactic;
    layers.push_back({.name = steps[i].name,
                      .what = describe(steps[i]),
                      .kernel = fmt::format("{} {}", tactic.provider, fmt::join(tactic.parameters, " ")),
                      .microseconds = median_us(graph, stream),
                      .least_microseconds = 1e6 * least_seconds(cost(steps[i].operation), Roofline{})});
  }
  return layers;
}

}  // namespace peregrine::cuda
