#include "cuda/memory.h"

#include <fmt/format.h>

#include <exception>

#include "cuda/device.h"
#include "gpu_policy/transfer_log.h"

namespace peregrine::cuda {

namespace {
std::string describe(const std::string& what, std::size_t bytes) {
  return fmt::format("{} ({} bytes)", what, bytes);
}
}  // namespace

MemoryPool::MemoryPool(int device) : device_(device) {
  const DeviceScope scope(device);
  stream_ = Stream::create();
  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location = {cudaMemLocationTypeDevice, {device}};
  const cudaError_t created = runtime().pool_create(&handle_, &properties);
  if (created == cudaErrorNotSupported) {  // some virtual GPUs
    runtime().get_last_error();
    handle_ = nullptr;
    return;
  }
  check(created, "cudaMemPoolCreate");
  unsigned long long keep_all = ~0ULL;
  const cudaError_t status =
      runtime().pool_set_attribute(handle_, cudaMemPoolAttrReleaseThreshold, &keep_all);
  if (status != cudaSuccess) {
    check_quietly(runtime().pool_destroy(handle_), "cudaMemPoolDestroy");
    check(status, "cudaMemPoolSetAttribute");
  }
}

MemoryPool::~MemoryPool() {
  if (handle_) check_quietly(runtime().pool_destroy(handle_), "cudaMemPoolDestroy");
}

void* MemoryPool::take(std::size_t bytes, const std::string& what) const {
  void* memory = nullptr;
  check(runtime().malloc_from_pool(&memory, bytes, handle_, stream_.get()), "cudaMallocFromPoolAsync",
        describe(what, bytes));
  const cudaError_t status = runtime().stream_synchronize(stream_.get());
  if (status != cudaSuccess) {
    give_back(memory);
    check(status, "cudaStreamSynchronize", describe(what, bytes));
  }
  return memory;
}

void MemoryPool::give_back(void* memory) const noexcept {
  try {  // what used it may have run on any stream, and a run that failed half-way has joined none
    const DeviceScope scope(device_);
    check_quietly(runtime().device_synchronize(), "cudaDeviceSynchronize");
  } catch (const std::exception&) {  // the device is lost: nothing runs there any more
  }
  check_quietly(runtime().free_async(memory, stream_.get()), "cudaFreeAsync");
}

DeviceBuffer::DeviceBuffer(std::size_t bytes, const std::string& what, const MemoryPool* pool)
    : pool_(pool && pool->handle_ ? pool : nullptr) {
  if (bytes == 0) return;
  void* pointer = nullptr;
  if (pool_)
    pointer = pool_->take(bytes, what);
  else
    check(runtime().malloc(&pointer, bytes), "cudaMalloc", describe(what, bytes));
  data_ = static_cast<std::byte*>(pointer);
  bytes_ = bytes;
}

DeviceBuffer::~DeviceBuffer() {
  if (!data_) return;
  if (pool_)
    pool_->give_back(data_);
  else
    check_quietly(runtime().free(data_), "cudaFree");
}

PinnedBuffer::PinnedBuffer(std::size_t bytes, const std::string& what) {
  if (bytes == 0) return;
  void* pointer = nullptr;
  check(runtime().host_alloc(&pointer, bytes, cudaHostAllocMapped | cudaHostAllocPortable), "cudaHostAlloc",
        describe(what, bytes));
  data_ = static_cast<std::byte*>(pointer);
  bytes_ = bytes;
}

PinnedBuffer::~PinnedBuffer() {
  if (data_) check_quietly(runtime().free_host(data_), "cudaFreeHost");
}

void copy_to_device(std::string_view name, void* device, const void* host, std::size_t bytes,
                    cudaStream_t stream) {
  check(runtime().memcpy_async(device, host, bytes, cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync",
        std::string(name));
  transfer_log::record(name, transfer_log::Direction::host_to_device, bytes);
}

void copy_to_host(std::string_view name, void* host, const void* device, std::size_t bytes,
                  cudaStream_t stream) {
  check(runtime().memcpy_async(host, device, bytes, cudaMemcpyDeviceToHost, stream), "cudaMemcpyAsync",
        std::string(name));
  transfer_log::record(name, transfer_log::Direction::device_to_host, bytes);
}

void copy_on_device(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  check(runtime().memcpy_async(to, from, bytes, cudaMemcpyDeviceToDevice, stream), "cudaMemcpyAsync");
}

void fill(void* device, int value, std::size_t bytes, cudaStream_t stream) {
  check(runtime().memset_async(device, value, bytes, stream), "cudaMemsetAsync");
}

}  // namespace peregrine::cuda
