#include "cuda/stream.h"

#include <fmt/format.h>

#include "peregrine/error.h"

namespace peregrine::cuda {

namespace {
cudaEvent_t make_event(unsigned flags) {
  cudaEvent_t handle = nullptr;
  check(runtime().event_create(&handle, flags), "cudaEventCreate");
  return handle;
}
constexpr int urgent_priority = -1;  // lower numbers run first; every device has at least 0 and -1
}  // namespace

Stream Stream::create(bool urgent) {
  cudaStream_t handle = nullptr;
  check(runtime().stream_create(&handle, cudaStreamNonBlocking, urgent ? urgent_priority : 0),
        "cudaStreamCreate");
  return Stream(handle);
}

Stream::~Stream() {
  if (handle_) check_quietly(runtime().stream_destroy(handle_), "cudaStreamDestroy");
}

void Stream::synchronize() const { check(runtime().stream_synchronize(handle_), "cudaStreamSynchronize"); }

Event Event::create() { return Event(make_event(cudaEventDisableTiming)); }
Event Event::create_timing() { return Event(make_event(cudaEventDefault)); }

Event::~Event() {
  if (handle_) check_quietly(runtime().event_destroy(handle_), "cudaEventDestroy");
}

void Event::record_in_graph(cudaStream_t stream) const {
  check(runtime().event_record_with_flags(handle_, stream, cudaEventRecordExternal),
        "cudaEventRecordWithFlags");
}

void Event::record(cudaStream_t stream) const {
  check(runtime().event_record(handle_, stream), "cudaEventRecord");
}
void Event::synchronize() const { check(runtime().event_synchronize(handle_), "cudaEventSynchronize"); }

bool Event::done() const {
  const cudaError_t status = runtime().event_query(handle_);
  if (status == cudaErrorNotReady) return false;
  check(status, "cudaEventQuery");
  return true;
}

float Event::milliseconds_since(const Event& start) const {
  float milliseconds = 0;
  check(runtime().event_elapsed_time(&milliseconds, start.handle_, handle_), "cudaEventElapsedTime");
  return milliseconds;
}

void wait(cudaStream_t stream, const Event& event) {
  check(runtime().stream_wait_event(stream, event.get(), cudaEventWaitDefault), "cudaStreamWaitEvent");
}

void require_stream_on(cudaStream_t stream, int index) {
  int owner = 0;
  check(runtime().stream_get_device(stream, &owner), "cudaStreamGetDevice");
  if (owner != index)
    throw Error("device.stream",
                fmt::format("The stream belongs to cuda:{}, the work to cuda:{}.", owner, index),
                "Hand over a stream of the device that the engine was loaded on.");
}

}  // namespace peregrine::cuda
