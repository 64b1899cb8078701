#include "support/fake_cuda.h"

#include <cstdlib>
#include <cstring>

namespace peregrine::test {

namespace {
FakeCuda* active = nullptr;  // the table's functions have no context
}

/// The functions of the table; each asks the active fake whether it may succeed.
struct FakeCuda::Table {
  static FakeCuda& fake() { return *active; }

  /// Succeeds without an effect, unless it is to fail.
  template <class... Arguments>
  static cudaError_t nothing(const char* call, Arguments...) {
    return fake().enter(call);
  }

  static cuda::Runtime make() {
    cuda::Runtime table{};
    devices(table);
    streams(table);
    memory(table);
    graphs(table);
    return table;
  }

  static void devices(cuda::Runtime& t) {
    t.get_device_count = [](int* count) {
      *count = fake().devices_;
      return fake().enter("get_device_count");
    };
    t.get_device = [](int* device) {
      *device = fake().current_;
      return fake().enter("get_device");
    };
    t.set_device = [](int device) {
      const cudaError_t status =
          device < fake().devices_ ? fake().enter("set_device") : cudaErrorInvalidDevice;
      if (status == cudaSuccess) fake().current_ = device;
      return status;
    };
    t.get_device_properties = [](cudaDeviceProp* properties, int device) {
      *properties = {};
      std::strncpy(properties->name, device == 0 ? "NVIDIA Fake" : "NVIDIA Other",
                   sizeof properties->name - 1);
      properties->major = device == 0 ? fake().first_major_ : 9;
      properties->multiProcessorCount = 132;
      properties->totalGlobalMem = std::size_t{80} << 30;
      properties->l2CacheSize = 50 << 20;
      properties->sharedMemPerBlockOptin = 227 << 10;
      return fake().enter("get_device_properties");
    };
    t.driver_version = [](int* version) {
      *version = 13000;
      return fake().enter("driver_version");
    };
    t.memory_info = [](std::size_t* free, std::size_t* total) {
      *free = fake().free_memory_;
      *total = std::size_t{80} << 30;
      return fake().enter("memory_info");
    };
    t.device_synchronize = [] { return fake().enter("device_synchronize"); };
    t.get_last_error = [] {
      FakeCuda& f = fake();
      const std::scoped_lock lock(f.mutex_);
      if (const cudaError_t pending = f.last_; pending != cudaSuccess) {
        if (f.lost_at_ < 0) f.last_ = cudaSuccess;  // a lost device stays lost
        return pending;
      }
      const cudaError_t status = f.enter("launch");
      f.last_ = cudaSuccess;
      return status;
    };
    t.pointer_attributes = [](cudaPointerAttributes* attributes, const void* pointer) {
      *attributes = {};
      attributes->type = cudaMemoryTypeUnregistered;
      const std::scoped_lock lock(fake().mutex_);
      const auto* address = static_cast<const std::byte*>(pointer);
      auto after = fake().memory_.upper_bound(address);
      if (after != fake().memory_.begin()) {
        const auto& [start, block] = *--after;
        if (address < start + block.size) {
          attributes->type = block.type;
          attributes->device = block.device;
        }
      }
      return fake().enter("pointer_attributes");
    };
  }

  static void streams(cuda::Runtime& t) {
    t.stream_create = [](cudaStream_t* stream, unsigned, int) {
      return fake().make("stream_create", stream);
    };
    t.stream_destroy = [](cudaStream_t stream) { return fake().destroy("stream_destroy", stream); };
    t.stream_synchronize = [](cudaStream_t stream) { return nothing("stream_synchronize", stream); };
    t.stream_wait_event = [](cudaStream_t stream, cudaEvent_t event, unsigned) {
      return nothing("stream_wait_event", stream, event);
    };
    t.stream_get_device = [](cudaStream_t stream, int* device) {
      const std::scoped_lock lock(fake().mutex_);
      const auto known = fake().handles_.find(stream);
      *device = known == fake().handles_.end() ? 0 : *known->second;
      return fake().enter("stream_get_device");
    };
    t.event_create = [](cudaEvent_t* event, unsigned) { return fake().make("event_create", event); };
    t.event_destroy = [](cudaEvent_t event) { return fake().destroy("event_destroy", event); };
    t.event_record = [](cudaEvent_t event, cudaStream_t stream) {
      return nothing("event_record", event, stream);
    };
    t.event_record_with_flags = [](cudaEvent_t event, cudaStream_t stream, unsigned) {
      return nothing("event_record_with_flags", event, stream);
    };
    t.event_synchronize = [](cudaEvent_t event) { return nothing("event_synchronize", event); };
    t.event_query = [](cudaEvent_t event) { return nothing("event_query", event); };
    t.event_elapsed_time = [](float* milliseconds, cudaEvent_t, cudaEvent_t) {
      *milliseconds = 1;
      return fake().enter("event_elapsed_time");
    };
  }

  static void memory(cuda::Runtime& t) {
    t.malloc = [](void** pointer, std::size_t bytes) {
      return fake().allocate("malloc", pointer, bytes, cudaMemoryTypeDevice);
    };
    t.free = [](void* pointer) { return fake().release("free", pointer); };
    t.host_alloc = [](void** pointer, std::size_t bytes, unsigned) {
      return fake().allocate("host_alloc", pointer, bytes, cudaMemoryTypeHost);
    };
    t.free_host = [](void* pointer) { return fake().release("free_host", pointer); };
    t.pool_create = [](cudaMemPool_t* pool, const cudaMemPoolProps*) {
      return fake().make("pool_create", pool);
    };
    t.pool_destroy = [](cudaMemPool_t pool) {
      const std::scoped_lock lock(fake().mutex_);
      for (const auto& [start, block] : fake().memory_)
        if (block.pool == pool) fake().misuse_.insert("pool_destroy before its memory is given back");
      return fake().destroy("pool_destroy", pool);
    };
    t.pool_set_attribute = [](cudaMemPool_t pool, cudaMemPoolAttr, void*) {
      return nothing("pool_set_attribute", pool);
    };
    t.malloc_from_pool = [](void** pointer, std::size_t bytes, cudaMemPool_t pool, cudaStream_t) {
      return fake().allocate("malloc_from_pool", pointer, bytes, cudaMemoryTypeDevice, pool);
    };
    t.free_async = [](void* pointer, cudaStream_t) { return fake().release("free_async", pointer); };
    t.memcpy_async = [](void* to, const void* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t) {
      const cudaError_t status = fake().enter("memcpy_async");
      if (status == cudaSuccess) std::memmove(to, from, bytes);
      return status;
    };
    t.memset_async = [](void* pointer, int value, std::size_t bytes, cudaStream_t) {
      const cudaError_t status = fake().enter("memset_async");
      if (status == cudaSuccess) std::memset(pointer, value, bytes);
      return status;
    };
  }

  static void captures(cuda::Runtime& t) {
    t.begin_capture = [](cudaStream_t stream, cudaStreamCaptureMode) {
      return fake().begin_capture("begin_capture", stream, nullptr);
    };
    t.begin_capture_to_graph = [](cudaStream_t stream, cudaGraph_t graph, const cudaGraphNode_t*,
                                  const cudaGraphEdgeData*, std::size_t, cudaStreamCaptureMode) {
      return fake().begin_capture("begin_capture_to_graph", stream, graph);
    };
    t.end_capture = [](cudaStream_t stream, cudaGraph_t* graph) { return fake().end_capture(stream, graph); };
    t.capture_info = [](cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long*,
                        cudaGraph_t* graph, const cudaGraphNode_t** dependencies,
                        const cudaGraphEdgeData** edges, std::size_t* count) {
      const std::scoped_lock lock(fake().mutex_);
      const auto capturing = fake().captures_.find(stream);
      const bool active = capturing != fake().captures_.end();
      *status = active ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
      if (active) *graph = capturing->second;
      *dependencies = nullptr;
      *edges = nullptr;
      *count = 0;
      return fake().enter("capture_info");
    };
    t.update_capture_dependencies = [](cudaStream_t stream, cudaGraphNode_t*, const cudaGraphEdgeData*,
                                       std::size_t,
                                       unsigned) { return nothing("update_capture_dependencies", stream); };
    t.conditional_handle_create = [](cudaGraphConditionalHandle* handle, cudaGraph_t, unsigned, unsigned) {
      *handle = 1;
      return fake().enter("conditional_handle_create");
    };
    t.graph_add_node = [](cudaGraphNode_t*, cudaGraph_t, const cudaGraphNode_t*, const cudaGraphEdgeData*,
                          std::size_t, cudaGraphNodeParams* parameters) {
      // Bodies belong to the graph; a capture only tells them from its own.
      const std::scoped_lock lock(fake().mutex_);
      auto& graphs =
          fake().bodies_.emplace_back(parameters->conditional.size, reinterpret_cast<cudaGraph_t>(&fake()));
      parameters->conditional.phGraph_out = graphs.data();
      return fake().enter("graph_add_node");
    };
  }

  static void graphs(cuda::Runtime& t) {
    captures(t);
    t.graph_instantiate = [](cudaGraphExec_t* executable, cudaGraph_t, unsigned long long) {
      return fake().make("graph_instantiate", executable);
    };
    t.graph_get_nodes = [](cudaGraph_t graph, cudaGraphNode_t*, std::size_t* count) {
      *count = 1;
      return nothing("graph_get_nodes", graph);
    };
    t.graph_upload = [](cudaGraphExec_t executable, cudaStream_t) {
      return nothing("graph_upload", executable);
    };
    t.graph_launch = [](cudaGraphExec_t executable, cudaStream_t) {
      return nothing("graph_launch", executable);
    };
    t.graph_exec_destroy = [](cudaGraphExec_t executable) {
      return fake().destroy("graph_exec_destroy", executable);
    };
    t.graph_destroy = [](cudaGraph_t graph) { return fake().destroy("graph_destroy", graph); };
  }
};

FakeCuda::FakeCuda(int devices) : real_(cuda::runtime()), devices_(devices) {
  setenv("CUDA_VISIBLE_DEVICES", "-1", 1);  // no launch may reach a device with addresses of this host
  active = this;
  cuda::runtime() = Table::make();
}

FakeCuda::~FakeCuda() {
  cuda::runtime() = real_;
  active = nullptr;
}

void FakeCuda::fail(const std::string& call, int nth, cudaError_t status) {
  failing_[call] = {calls_[call] + nth, status};
}

void FakeCuda::lose_device(int nth) { lost_at_ = total_ + nth; }

void FakeCuda::heal() {
  failing_.clear();
  lost_at_ = -1;
  last_ = cudaSuccess;
  failed_ = false;
}

bool FakeCuda::is_pooled(const void* pointer) const {
  const auto found = memory_.find(static_cast<const std::byte*>(pointer));
  return found != memory_.end() && found->second.pool;
}

void FakeCuda::move(const void* pointer, cudaMemoryType type, int device) {
  auto after = memory_.upper_bound(static_cast<const std::byte*>(pointer));
  Memory& block = std::prev(after)->second;
  block.type = type;
  block.device = device;
}

std::vector<const void*> FakeCuda::device_memory() const {
  std::vector<const void*> found;
  for (const auto& [start, block] : memory_)
    if (block.type == cudaMemoryTypeDevice) found.push_back(start);
  return found;
}

void FakeCuda::move_allocation(int nth, cudaMemoryType type, int device) {
  moved_ = calls_["malloc"] + nth;
  moved_to_.type = type;
  moved_to_.device = device;
}

cudaError_t FakeCuda::enter(const char* call) {
  const std::scoped_lock lock(mutex_);
  const int number = calls_[call]++, position = total_++;
  if (lost_at_ >= 0 && position >= lost_at_) {
    failed_ = true;
    return last_ = cudaErrorIllegalAddress;
  }
  const auto planned = failing_.find(call);
  if (planned == failing_.end() || planned->second.first != number) return cudaSuccess;
  failed_ = true;
  return last_ = planned->second.second;
}

cudaError_t FakeCuda::allocate(const char* call, void** pointer, std::size_t bytes, cudaMemoryType type,
                               cudaMemPool_t pool) {
  const std::scoped_lock lock(mutex_);
  if (!captures_.empty() && capturing_ == std::this_thread::get_id())
    misuse_.insert(std::string(call) + " while a stream is captured");
  const bool moved = std::string_view(call) == "malloc" && calls_[call] == moved_;
  if (const cudaError_t status = enter(call); status != cudaSuccess) return status;
  constexpr std::size_t alignment = 256;  // as cudaMalloc gives
  Memory block{std::make_unique<std::byte[]>(bytes + alignment), bytes, type, current_, pool};
  if (moved) {
    block.type = moved_to_.type;
    block.device = moved_to_.device;
  }
  const auto start =
      (reinterpret_cast<std::uintptr_t>(block.bytes.get()) + alignment - 1) / alignment * alignment;
  *pointer = reinterpret_cast<void*>(start);
  memory_.emplace(static_cast<const std::byte*>(*pointer), std::move(block));
  return cudaSuccess;
}

cudaError_t FakeCuda::release(const char* call, void* pointer) {
  const std::scoped_lock lock(mutex_);
  const cudaError_t status = enter(call);
  if (memory_.erase(static_cast<const std::byte*>(pointer)) == 0)
    misuse_.insert(std::string(call) + " of what is not there");
  return status;
}

cudaError_t FakeCuda::begin_capture(const char* call, cudaStream_t stream, cudaGraph_t body) {
  const std::scoped_lock lock(mutex_);
  if (const cudaError_t status = enter(call); status != cudaSuccess) return status;
  capturing_ = std::this_thread::get_id();
  if (!captures_.emplace(stream, body).second)
    misuse_.insert(std::string(call) + " on a stream that is being captured");
  return cudaSuccess;
}

cudaError_t FakeCuda::end_capture(cudaStream_t stream, cudaGraph_t* graph) {
  const std::scoped_lock lock(mutex_);
  const auto capture = captures_.find(stream);
  if (capture == captures_.end()) {
    misuse_.insert("end_capture on a stream that is not being captured");
    return cudaErrorIllegalState;
  }
  const cudaGraph_t body = capture->second;
  captures_.erase(capture);
  if (!body) return make("end_capture", graph);
  *graph = body;  // its node's
  return enter("end_capture");
}

template <class Handle>
cudaError_t FakeCuda::make(const char* call, Handle* handle) {
  const std::scoped_lock lock(mutex_);
  if (const cudaError_t status = enter(call); status != cudaSuccess) return status;
  auto made = std::make_unique<int>(stream_device_);
  *handle = reinterpret_cast<Handle>(made.get());
  handles_.emplace(made.get(), std::move(made));
  return cudaSuccess;
}

template <class Handle>
cudaError_t FakeCuda::destroy(const char* call, Handle handle) {
  const std::scoped_lock lock(mutex_);
  const cudaError_t status = enter(call);
  if (handles_.erase(handle) == 0) misuse_.insert(std::string(call) + " of what is not there");
  return status;
}

}  // namespace peregrine::test
