#include "cuda/conditional.h"

#include "gpu_policy/transfer_log.h"
#include "peregrine/error.h"

namespace peregrine::cuda {

namespace {

/// The graph that a stream is being captured into, and what the next node there depends on.
struct Capture {
  cudaGraph_t graph = nullptr;
  const cudaGraphNode_t* dependencies = nullptr;
  const cudaGraphEdgeData* edges =
      nullptr;  ///< asked for, or edges that programmatic launches left would fail the question
  std::size_t count = 0;
};

Capture capture_of(cudaStream_t stream) {
  Capture capture;
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check(runtime().capture_info(stream, &status, nullptr, &capture.graph, &capture.dependencies,
                               &capture.edges, &capture.count),
        "cudaStreamGetCaptureInfo");
  if (status != cudaStreamCaptureStatusActive)
    throw Error("internal.graph", "A condition was asked for on a stream that is not being captured.");
  return capture;
}

/// Adds the node behind what `stream` captured; its bodies, which belong to the graph.
const cudaGraph_t* add_node(cudaStream_t stream, const Condition& condition,
                            cudaGraphConditionalNodeType type, unsigned bodies) {
  if (!condition) throw Error("internal.graph", "A conditional node without a condition of its graph.");
  const Capture capture = capture_of(stream);
  cudaGraphNodeParams parameters{};
  parameters.type = cudaGraphNodeTypeConditional;
  parameters.conditional.handle = condition.handle();
  parameters.conditional.type = type;
  parameters.conditional.size = bodies;
  cudaGraphNode_t node = nullptr;
  check(runtime().graph_add_node(&node, capture.graph, capture.dependencies, capture.edges, capture.count,
                                 &parameters),
        "cudaGraphAddNode", "a conditional node");
  check(runtime().update_capture_dependencies(stream, &node, nullptr, 1, cudaStreamSetCaptureDependencies),
        "cudaStreamUpdateCaptureDependencies");
  return parameters.conditional.phGraph_out;
}

/// Captures into a graph that its node owns.
void capture_body(cudaStream_t side, cudaGraph_t graph, const std::function<void()>& work) {
  check(runtime().begin_capture_to_graph(side, graph, nullptr, nullptr, 0, cudaStreamCaptureModeThreadLocal),
        "cudaStreamBeginCaptureToGraph");
  cudaGraph_t same = nullptr;
  try {
    const transfer_log::Recording recording(transfer_log::Recording::Nested::keep_from_outer);
    work();
    if (!recording.transfers().empty())
      throw Error("internal.graph", "The body of a conditional node copies '" +
                                        recording.transfers().front().name +
                                        "' between host and device: nobody can tell how often.");
  } catch (...) {
    runtime().end_capture(side, &same);  // its own error says less than the one that passes on
    runtime().get_last_error();
    throw;
  }
  check(runtime().end_capture(side, &same), "cudaStreamEndCapture", "the body of a conditional node");
}

}  // namespace

Condition Condition::of_capture(cudaStream_t stream) {
  Condition condition;
  check(runtime().conditional_handle_create(&condition.handle_, capture_of(stream).graph, 0,
                                            cudaGraphCondAssignDefault),
        "cudaGraphConditionalHandleCreate");
  condition.in_graph_ = true;
  return condition;
}

void enqueue_while(cudaStream_t stream, const Condition& condition, const Stream& side,
                   const std::function<void(cudaStream_t)>& body) {
  const cudaGraph_t* graphs = add_node(stream, condition, cudaGraphCondTypeWhile, 1);
  capture_body(side.get(), graphs[0], [&] { body(side.get()); });
}

void enqueue_switch(cudaStream_t stream, const Condition& condition, const Stream& side, unsigned bodies,
                    const std::function<void(unsigned i, cudaStream_t)>& body) {
  const cudaGraph_t* graphs = add_node(stream, condition, cudaGraphCondTypeSwitch, bodies);
  for (unsigned i = 0; i < bodies; ++i) capture_body(side.get(), graphs[i], [&] { body(i, side.get()); });
}

}  // namespace peregrine::cuda
