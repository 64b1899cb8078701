// Loops and branches inside of a captured graph, taken on the device: a kernel sets a condition, a
// conditional node obeys it.
//
// A body may hold kernels, memsets, copies within the device, child graphs and further conditionals, all of
// one device; what is forked inside of a body joins there. Every driver that runs CUDA 13 has such nodes: a
// refusal is an error like any other.
#pragma once

#include <functional>

#include "cuda/stream.h"

namespace peregrine::cuda {

/// A number of one graph, which kernels set and one conditional node reads; zero when a launch begins. A
/// default-constructed one is of no graph, and setting it does nothing: the same kernel serves where the host
/// decides.
class Condition {
 public:
  Condition() = default;
  /// Of the graph that `stream` is being captured into: enqueue_while() or enqueue_switch() must use it on
  /// the same stream. Throws Error "internal.graph" where `stream` is not being captured.
  static Condition of_capture(cudaStream_t stream);

#ifdef __CUDACC__
  /// By one thread, once a kernel.
  __device__ void set(unsigned value) const {
    if (in_graph_) cudaGraphSetConditional(handle_, value);
  }
#endif
  explicit operator bool() const noexcept { return in_graph_; }
  cudaGraphConditionalHandle handle() const noexcept { return handle_; }

 private:
  cudaGraphConditionalHandle handle_ = 0;
  bool in_graph_ = false;
};

// Both add a node to the graph that `stream` is being captured into, behind what was captured there before.
// Bodies enqueue on the stream handed to them, which is `side`: not itself being captured, so that
// conditionals inside of each other need one each. Bodies run as often as the device says, which no transfer
// log of the host's can know: a copy between host and device in one is Error "internal.graph". What a body
// throws passes on; the capture is lost then.

/// `body` runs again and again while the condition is not zero: a kernel before sets it, a kernel of the body
/// sets it anew.
void enqueue_while(cudaStream_t stream, const Condition& condition, const Stream& side,
                   const std::function<void(cudaStream_t)>& body);
/// Body `i` of `bodies` runs where the condition is i, none where it is larger.
void enqueue_switch(cudaStream_t stream, const Condition& condition, const Stream& side, unsigned bodies,
                    const std::function<void(unsigned i, cudaStream_t)>& body);

}  // namespace peregrine::cuda
