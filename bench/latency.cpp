#include "latency.h"

#include <chrono>

#include "cuda/array.h"
#include "cuda/memory.h"
#include "image/geometry.h"
#include "stages/postprocess/cuda/postprocess.h"
#include "stages/preprocess/letterbox.h"

namespace peregrine::bench {

using cuda::Graph;
using cuda::Stream;

Latency latency(const Graph& graph, const Stream& stream) {
  using Clock = std::chrono::steady_clock;
  const auto rounds_us = [&](int rounds, int calls) {
    std::vector<double> times;
    for (int round = 0; round < rounds; ++round) {
      const auto begin = Clock::now();
      for (int i = 0; i < calls; ++i) graph.launch(stream.get());
      stream.synchronize();
      times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count() / calls);
    }
    std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
    return times[static_cast<std::size_t>(rounds / 2)];
  };
  rounds_us(1, 10);
  return {rounds_us(10, 20), rounds_us(200, 1)};
}

Latency latency_with_head(const ModelInfo& model, std::span<const postprocess::NamedTensor> outputs,
                          int batch, Head head, const std::function<void()>& enqueue, const Stream& stream) {
  postprocess::Options options;
  if (head == Head::decoded) options.confidence = 0;
  const postprocess::DevicePostprocess after(model, outputs, options, 1 << 20);
  const cuda::DeviceBuffer workspace(after.workspace_bytes(), "the head's decoding");
  const std::vector<Geometry> same(static_cast<std::size_t>(batch),
                                   preprocess::letterbox(640, 640, 640, 640));
  const cuda::DeviceArray<Geometry> geometries(same.size(), "geometries");
  cuda::copy_to_device("geometries", geometries, same, stream.get());
  stream.synchronize();
  return latency(Graph::capture(stream.get(),
                                [&] {
                                  enqueue();
                                  if (head == Head::decoded)
                                    after.enqueue_decode(workspace.data(), batch, stream.get());
                                  else
                                    after.enqueue(workspace.data(), {geometries.data()}, batch, nullptr,
                                                  stream.get());
                                }),
                 stream);
}

}  // namespace peregrine::bench
