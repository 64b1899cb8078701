// Owners of device and page-locked memory, and the copies between them. Move-only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/cuda/runtime.h"

namespace peregrine::cuda {

/// Device memory from cudaMalloc on the current device: for what lives as long as an engine.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  /// `what` names the memory in the error. Zero bytes own nothing.
  DeviceBuffer(std::size_t bytes, const std::string& what);
  ~DeviceBuffer();
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  std::byte* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Page-locked host memory that kernels can write to through device_data() (mapped).
class PinnedBuffer {
 public:
  PinnedBuffer() = default;
  PinnedBuffer(std::size_t bytes, const std::string& what);
  ~PinnedBuffer();
  PinnedBuffer(PinnedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  PinnedBuffer& operator=(PinnedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  /// With unified addressing (every supported platform) the same pointer serves host and device.
  std::byte* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Stream-ordered memory pool of one device; keeps what is freed for the next request.
class MemoryPool {
 public:
  explicit MemoryPool(int device);
  ~MemoryPool();
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  cudaMemPool_t get() const noexcept { return handle_; }

 private:
  cudaMemPool_t handle_ = nullptr;
};

/// Memory from a pool: allocated and freed in the order of `stream`, which must outlive it.
class PoolBuffer {
 public:
  PoolBuffer() = default;
  PoolBuffer(const MemoryPool& pool, std::size_t bytes, cudaStream_t stream, const std::string& what);
  ~PoolBuffer();
  PoolBuffer(PoolBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)), stream_(other.stream_) {}
  PoolBuffer& operator=(PoolBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(stream_, other.stream_);
    return *this;
  }

  std::byte* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  cudaStream_t stream_ = nullptr;
};

// The only copies between host and device: each enters the transfer ledger under `name`. Asynchronous.
void copy_to_device(std::string_view name, void* device, const void* host, std::size_t bytes, cudaStream_t stream);
void copy_to_host(std::string_view name, void* host, const void* device, std::size_t bytes, cudaStream_t stream);
/// Within one device: crosses nothing, enters no ledger.
void copy_on_device(void* to, const void* from, std::size_t bytes, cudaStream_t stream);
/// Every byte becomes `value`.
void fill(void* device, int value, std::size_t bytes, cudaStream_t stream);

}  // namespace peregrine::cuda
