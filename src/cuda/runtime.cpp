#include "cuda/runtime.h"

#include <fmt/format.h>

#include "core/log.h"
#include "peregrine/error.h"

namespace peregrine::cuda {

namespace {

struct Kind {
  const char* code;
  const char* hint;
};

Kind kind_of(cudaError_t status) {
  switch (status) {
    case cudaErrorMemoryAllocation:
      return {
          "device.memory",
          "Free memory on the GPU (nvidia-smi shows who holds it), or use a smaller batch or image size."};
    case cudaErrorNoDevice:
      return {"device.none", "This machine shows no CUDA device; nvidia-smi should list one."};
    case cudaErrorInvalidDevice: return {"device.index", "`peregrine doctor` lists the devices."};
    case cudaErrorInsufficientDriver:
    case cudaErrorStubLibrary:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorUnsupportedPtxVersion:
      return {"device.driver", "Install an NVIDIA driver for CUDA 13 (580 or newer)."};
    case cudaErrorInitializationError:
    case cudaErrorSystemNotReady:
    case cudaErrorOperatingSystem:
      return {"device.driver",
              "The driver is there and does not work; see whether nvidia-smi lists the GPU."};
    case cudaErrorNoKernelImageForDevice:
      return {"device.architecture",
              "This build has no code for this GPU; build with its architecture (CMAKE_CUDA_ARCHITECTURES)."};
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorECCUncorrectable:
    case cudaErrorDevicesUnavailable:
    case cudaErrorAssert:
      return {"device.lost", "The GPU cannot be used again by this process: start it anew."};
    default: return {"device.call", ""};
  }
}

std::string sentence(cudaError_t status, const char* call, const std::string& what) {
  return fmt::format("{} failed{}{}: {} ({}).", call, what.empty() ? "" : " for ", what,
                     cudaGetErrorString(status), cudaGetErrorName(status));
}

Runtime real_runtime() {
  return {
      .get_device_count = cudaGetDeviceCount,
      .get_device = cudaGetDevice,
      .set_device = cudaSetDevice,
      .get_device_properties = cudaGetDeviceProperties,
      .driver_version = cudaDriverGetVersion,
      .memory_info = cudaMemGetInfo,
      .device_synchronize = cudaDeviceSynchronize,
      .get_last_error = cudaGetLastError,
      .pointer_attributes = cudaPointerGetAttributes,
      .stream_create = cudaStreamCreateWithPriority,
      .stream_destroy = cudaStreamDestroy,
      .stream_synchronize = cudaStreamSynchronize,
      .stream_wait_event = cudaStreamWaitEvent,
      .stream_get_device = cudaStreamGetDevice,
      .event_create = cudaEventCreateWithFlags,
      .event_destroy = cudaEventDestroy,
      .event_record = cudaEventRecord,
      .event_record_with_flags = cudaEventRecordWithFlags,
      .event_synchronize = cudaEventSynchronize,
      .event_query = cudaEventQuery,
      .event_elapsed_time = cudaEventElapsedTime,
      .malloc = cudaMalloc,
      .free = cudaFree,
      .host_alloc = cudaHostAlloc,
      .free_host = cudaFreeHost,
      .pool_create = cudaMemPoolCreate,
      .pool_destroy = cudaMemPoolDestroy,
      .pool_set_attribute = cudaMemPoolSetAttribute,
      .malloc_from_pool = cudaMallocFromPoolAsync,
      .free_async = cudaFreeAsync,
      .memcpy_async = cudaMemcpyAsync,
      .memset_async = cudaMemsetAsync,
      .begin_capture = cudaStreamBeginCapture,
      .end_capture = cudaStreamEndCapture,
      .capture_info = cudaStreamGetCaptureInfo,
      .update_capture_dependencies = cudaStreamUpdateCaptureDependencies,
      .begin_capture_to_graph = cudaStreamBeginCaptureToGraph,
      .conditional_handle_create = cudaGraphConditionalHandleCreate,
      .graph_add_node = cudaGraphAddNode,
      .graph_instantiate = cudaGraphInstantiate,
      .graph_get_nodes = cudaGraphGetNodes,
      .graph_upload = cudaGraphUpload,
      .graph_launch = cudaGraphLaunch,
      .graph_exec_destroy = cudaGraphExecDestroy,
      .graph_destroy = cudaGraphDestroy,
  };
}

}  // namespace

Runtime& runtime() noexcept {
  static Runtime table = real_runtime();
  return table;
}

void check(cudaError_t status, const char* call, const std::string& what) {
  if (status == cudaSuccess) return;
  runtime().get_last_error();  // a refused call must not be reported again by the next check_launch()
  const Kind kind = kind_of(status);
  throw Error(kind.code, sentence(status, call, what), kind.hint);
}

void check_launch(const char* kernel) { check(runtime().get_last_error(), kernel); }

void check_quietly(cudaError_t status, const char* call) noexcept {
  // While the process ends, the driver may be gone before our owners: nothing is left to free then.
  if (status == cudaSuccess || status == cudaErrorCudartUnloading) return;
  runtime().get_last_error();  // nor may the next check_launch() report what a destructor has
  try {
    log::error(sentence(status, call, {}));
  } catch (...) {  // out of host memory while reporting: there is nothing better to do in a destructor
  }
}

}  // namespace peregrine::cuda
