// A captured sequence of device work, replayed with one call.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "cuda/runtime.h"
#include "gpu_policy/transfer_log.h"

namespace peregrine::cuda {

/// Owner of an instantiated CUDA graph. Copies that were captured enter the transfer log at every
/// launch.
class Graph {
 public:
  Graph() = default;
  /// Captures what `work` enqueues on `stream` (and on streams forked from it and joined again), and
  /// instantiates it. When `work` throws, the capture is ended and the exception passes on.
  static Graph capture(cudaStream_t stream, const std::function<void()>& work);
  ~Graph();
  Graph(Graph&& other) noexcept
      : executable_(std::exchange(other.executable_, nullptr)),
        nodes_(other.nodes_),
        transfers_(std::move(other.transfers_)) {}
  Graph& operator=(Graph&& other) noexcept {
    std::swap(executable_, other.executable_);
    std::swap(nodes_, other.nodes_);
    std::swap(transfers_, other.transfers_);
    return *this;
  }

  explicit operator bool() const noexcept { return executable_ != nullptr; }
  std::size_t node_count() const noexcept { return nodes_; }
  /// Moves the graph to the device ahead of the first launch.
  void upload(cudaStream_t stream) const;
  void launch(cudaStream_t stream) const;

 private:
  cudaGraphExec_t executable_ = nullptr;
  std::size_t nodes_ = 0;
  std::vector<transfer_log::Transfer> transfers_;
};

}  // namespace peregrine::cuda
