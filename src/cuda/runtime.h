// Every call of the CUDA runtime that can fail, in one table: owners call through it, and a test replaces an
// entry to make that call fail (or to run the owners on a machine without a GPU). Launches (<<<>>>) do not go
// through it; they are followed by check_launch().
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <string>

namespace peregrine::cuda {

struct Runtime {
  cudaError_t (*get_device_count)(int* count);
  cudaError_t (*get_device)(int* device);
  cudaError_t (*set_device)(int device);
  cudaError_t (*get_device_properties)(cudaDeviceProp* properties, int device);
  cudaError_t (*driver_version)(int* version);
  cudaError_t (*memory_info)(std::size_t* free, std::size_t* total);
  cudaError_t (*device_synchronize)();
  cudaError_t (*get_last_error)();
  cudaError_t (*pointer_attributes)(cudaPointerAttributes* attributes, const void* pointer);

  cudaError_t (*stream_create)(cudaStream_t* stream, unsigned flags, int priority);
  cudaError_t (*stream_destroy)(cudaStream_t stream);
  cudaError_t (*stream_synchronize)(cudaStream_t stream);
  cudaError_t (*stream_wait_event)(cudaStream_t stream, cudaEvent_t event, unsigned flags);
  cudaError_t (*stream_get_device)(cudaStream_t stream, int* device);
  cudaError_t (*event_create)(cudaEvent_t* event, unsigned flags);
  cudaError_t (*event_destroy)(cudaEvent_t event);
  cudaError_t (*event_record)(cudaEvent_t event, cudaStream_t stream);
  cudaError_t (*event_record_with_flags)(cudaEvent_t event, cudaStream_t stream, unsigned flags);
  cudaError_t (*event_synchronize)(cudaEvent_t event);
  cudaError_t (*event_query)(cudaEvent_t event);
  cudaError_t (*event_elapsed_time)(float* milliseconds, cudaEvent_t start, cudaEvent_t end);

  cudaError_t (*malloc)(void** pointer, std::size_t bytes);
  cudaError_t (*free)(void* pointer);
  cudaError_t (*host_alloc)(void** pointer, std::size_t bytes, unsigned flags);
  cudaError_t (*free_host)(void* pointer);
  cudaError_t (*pool_create)(cudaMemPool_t* pool, const cudaMemPoolProps* properties);
  cudaError_t (*pool_destroy)(cudaMemPool_t pool);
  cudaError_t (*pool_set_attribute)(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value);
  cudaError_t (*malloc_from_pool)(void** pointer, std::size_t bytes, cudaMemPool_t pool, cudaStream_t stream);
  cudaError_t (*free_async)(void* pointer, cudaStream_t stream);
  cudaError_t (*memcpy_async)(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                              cudaStream_t stream);
  cudaError_t (*memset_async)(void* pointer, int value, std::size_t bytes, cudaStream_t stream);

  cudaError_t (*begin_capture)(cudaStream_t stream, cudaStreamCaptureMode mode);
  cudaError_t (*end_capture)(cudaStream_t stream, cudaGraph_t* graph);
  cudaError_t (*capture_info)(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long* id,
                              cudaGraph_t* graph, const cudaGraphNode_t** dependencies,
                              const cudaGraphEdgeData** edges, std::size_t* count);
  cudaError_t (*update_capture_dependencies)(cudaStream_t stream, cudaGraphNode_t* dependencies,
                                             const cudaGraphEdgeData* edges, std::size_t count,
                                             unsigned flags);
  cudaError_t (*begin_capture_to_graph)(cudaStream_t stream, cudaGraph_t graph,
                                        const cudaGraphNode_t* dependencies, const cudaGraphEdgeData* edges,
                                        std::size_t count, cudaStreamCaptureMode mode);
  cudaError_t (*conditional_handle_create)(cudaGraphConditionalHandle* handle, cudaGraph_t graph,
                                           unsigned value, unsigned flags);
  cudaError_t (*graph_add_node)(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* dependencies,
                                const cudaGraphEdgeData* edges, std::size_t count,
                                cudaGraphNodeParams* parameters);
  cudaError_t (*graph_instantiate)(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags);
  cudaError_t (*graph_get_nodes)(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count);
  cudaError_t (*graph_upload)(cudaGraphExec_t executable, cudaStream_t stream);
  cudaError_t (*graph_launch)(cudaGraphExec_t executable, cudaStream_t stream);
  cudaError_t (*graph_exec_destroy)(cudaGraphExec_t executable);
  cudaError_t (*graph_destroy)(cudaGraph_t graph);
};

/// The table in use. Tests may change entries while nothing else runs, and put them back (FakeCuda in
/// tests/support).
Runtime& runtime() noexcept;

/// Throws Error for anything but cudaSuccess: "CALL failed: WORDS (NAME).", code by kind:
/// device.memory, device.none, device.index, device.driver, device.lost (only a restart helps), device.call.
/// `what` is the thing concerned ("the arena of yolo11n.pt, 23 MB"), may be empty.
void check(cudaError_t status, const char* call, const std::string& what = {});
/// After <<<>>>: throws when the launch was refused.
void check_launch(const char* kernel);
/// For destructors: logs what check() would throw.
void check_quietly(cudaError_t status, const char* call) noexcept;

}  // namespace peregrine::cuda
