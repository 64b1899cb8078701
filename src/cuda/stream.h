// Owners of streams and events. Move-only; a default-constructed owner holds nothing.
#pragma once

#include <utility>

#include "cuda/runtime.h"

namespace peregrine::cuda {

/// A non-blocking stream on the device that was current when it was made.
class Stream {
 public:
  Stream() = default;
  /// `urgent`: scheduled before ordinary streams.
  static Stream create(bool urgent = false);
  ~Stream();
  Stream(Stream&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Stream& operator=(Stream&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }

  cudaStream_t get() const noexcept { return handle_; }
  void synchronize() const;

 private:
  explicit Stream(cudaStream_t handle) : handle_(handle) {}
  cudaStream_t handle_ = nullptr;
};

class Event {
 public:
  Event() = default;
  static Event create();         ///< for ordering only
  static Event create_timing();  ///< can be asked for times
  ~Event();
  Event(Event&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Event& operator=(Event&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }

  cudaEvent_t get() const noexcept { return handle_; }
  void record(cudaStream_t stream) const;
  /// While `stream` is captured: every launch of the graph records it, for host and other streams to see.
  void record_in_graph(cudaStream_t stream) const;
  void synchronize() const;
  bool done() const;
  /// Milliseconds from `start` to this one; both must be done.
  float milliseconds_since(const Event& start) const;

 private:
  explicit Event(cudaEvent_t handle) : handle_(handle) {}
  cudaEvent_t handle_ = nullptr;
};

/// Later work of `stream` waits for `event`.
void wait(cudaStream_t stream, const Event& event);
/// Throws Error "device.stream" when `stream` belongs to another device than cuda:`index`.
void require_stream_on(cudaStream_t stream, int index);

}  // namespace peregrine::cuda
