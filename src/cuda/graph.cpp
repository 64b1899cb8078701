#include "cuda/graph.h"

namespace peregrine::cuda {

namespace {

/// Destroys the template graph whatever happens while it is instantiated.
struct CapturedGraph {
  cudaGraph_t handle = nullptr;
  ~CapturedGraph() {
    if (handle) check_quietly(runtime().graph_destroy(handle), "cudaGraphDestroy");
  }
};

}  // namespace

Graph Graph::capture(cudaStream_t stream, const std::function<void()>& work) {
  CapturedGraph captured;
  Graph graph;
  check(runtime().begin_capture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
  try {
    transfer_log::Recording recording(transfer_log::Recording::Nested::keep_from_outer);
    work();
    graph.transfers_ = recording.transfers();
  } catch (...) {
    runtime().end_capture(stream, &captured.handle);  // its own error says less than the one that passes on
    runtime().get_last_error();
    throw;
  }
  check(runtime().end_capture(stream, &captured.handle), "cudaStreamEndCapture");
  check(runtime().graph_get_nodes(captured.handle, nullptr, &graph.nodes_), "cudaGraphGetNodes");
  check(runtime().graph_instantiate(&graph.executable_, captured.handle, 0), "cudaGraphInstantiate");
  return graph;
}

Graph::~Graph() {
  if (executable_) check_quietly(runtime().graph_exec_destroy(executable_), "cudaGraphExecDestroy");
}

void Graph::upload(cudaStream_t stream) const {
  check(runtime().graph_upload(executable_, stream), "cudaGraphUpload");
}

void Graph::launch(cudaStream_t stream) const {
  check(runtime().graph_launch(executable_, stream), "cudaGraphLaunch");
  for (const transfer_log::Transfer& transfer : transfers_)
    transfer_log::record(transfer.name, transfer.direction, transfer.bytes);
}

}  // namespace peregrine::cuda
