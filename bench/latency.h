// How long a recorded graph takes, alone and with what follows a detector's forward pass on the device.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "cuda/graph.h"
#include "cuda/stream.h"
#include "peregrine/model_info.h"
#include "stages/postprocess/postprocess.h"

namespace peregrine::bench {

struct Latency {
  double back_to_back_us, single_us;
};

/// By the host's clock, as PyTorch is timed beside it: median of ten rounds of twenty replays, and of 200
/// single ones that are waited for.
Latency latency(const cuda::Graph& graph, const cuda::Stream& stream);

enum class Head {
  decoded,  ///< score and box of every anchor: what PyTorch's forward pass ends with
  objects,  ///< at the thresholds of `predict`
};

/// The forward pass that `enqueue` puts on the stream, and the head's decoding behind it; `outputs` lie on
/// the device.
Latency latency_with_head(const ModelInfo& model, std::span<const postprocess::NamedTensor> outputs,
                          int batch, Head head, const std::function<void()>& enqueue,
                          const cuda::Stream& stream);

/// By the device's clock.
template <class Work>
double median_us(const cuda::Stream& stream, int rounds, const Work& work) {
  const cuda::Event start = cuda::Event::create_timing(), end = cuda::Event::create_timing();
  std::vector<double> times;
  for (int i = 0; i < 3; ++i) work();
  for (int i = 0; i < rounds; ++i) {
    start.record(stream.get());
    work();
    end.record(stream.get());
    end.synchronize();
    times.push_back(1e3 * end.milliseconds_since(start));
  }
  std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
  return times[static_cast<std::size_t>(rounds / 2)];
}

}  // namespace peregrine::bench
