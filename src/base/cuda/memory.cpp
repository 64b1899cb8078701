#include "base/cuda/memory.h"

#include <fmt/format.h>

#include "base/ledger.h"

namespace peregrine::cuda {

namespace {
std::string describe(const std::string& what, std::size_t bytes) { return fmt::format("{} ({} bytes)", what, bytes); }
}  // namespace

DeviceBuffer::DeviceBuffer(std::size_t bytes, const std::string& what) {
  if (bytes == 0) return;
  void* pointer = nullptr;
  check(runtime().malloc(&pointer, bytes), "cudaMalloc", describe(what, bytes));
  data_ = static_cast<std::byte*>(pointer);
  bytes_ = bytes;
}

DeviceBuffer::~DeviceBuffer() {
  if (data_) check_quietly(runtime().free(data_), "cudaFree");
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

MemoryPool::MemoryPool(int device) {
  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location = {cudaMemLocationTypeDevice, {device}};
  check(runtime().pool_create(&handle_, &properties), "cudaMemPoolCreate");
  unsigned long long keep_all = ~0ULL;
  const cudaError_t status = runtime().pool_set_attribute(handle_, cudaMemPoolAttrReleaseThreshold, &keep_all);
  if (status != cudaSuccess) {
    check_quietly(runtime().pool_destroy(handle_), "cudaMemPoolDestroy");
    check(status, "cudaMemPoolSetAttribute");
  }
}

MemoryPool::~MemoryPool() { check_quietly(runtime().pool_destroy(handle_), "cudaMemPoolDestroy"); }

PoolBuffer::PoolBuffer(const MemoryPool& pool, std::size_t bytes, cudaStream_t stream, const std::string& what)
    : stream_(stream) {
  if (bytes == 0) return;
  void* pointer = nullptr;
  check(runtime().malloc_from_pool(&pointer, bytes, pool.get(), stream), "cudaMallocFromPoolAsync", describe(what, bytes));
  data_ = static_cast<std::byte*>(pointer);
  bytes_ = bytes;
}

PoolBuffer::~PoolBuffer() {
  if (data_) check_quietly(runtime().free_async(data_, stream_), "cudaFreeAsync");
}

void copy_to_device(std::string_view name, void* device, const void* host, std::size_t bytes, cudaStream_t stream) {
  check(runtime().memcpy_async(device, host, bytes, cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync", std::string(name));
  ledger::record(name, ledger::Direction::host_to_device, bytes);
}

void copy_to_host(std::string_view name, void* host, const void* device, std::size_t bytes, cudaStream_t stream) {
  check(runtime().memcpy_async(host, device, bytes, cudaMemcpyDeviceToHost, stream), "cudaMemcpyAsync", std::string(name));
  ledger::record(name, ledger::Direction::device_to_host, bytes);
}

void copy_on_device(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  check(runtime().memcpy_async(to, from, bytes, cudaMemcpyDeviceToDevice, stream), "cudaMemcpyAsync");
}

void fill(void* device, int value, std::size_t bytes, cudaStream_t stream) {
  check(runtime().memset_async(device, value, bytes, stream), "cudaMemsetAsync");
}

}  // namespace peregrine::cuda
