// Owners of device and page-locked memory, and the copies between them. Move-only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "cuda/stream.h"

namespace peregrine::cuda {

/// Memory of one device that keeps what is given back for the next request, so that an engine that goes
/// leaves its memory to the one that comes. Outlives its buffers, which are cudaMalloc's where the device has
/// no pools.
class MemoryPool {
 public:
  explicit MemoryPool(int device);
  ~MemoryPool();
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

 private:
  friend class DeviceBuffer;
  /// Usable by every stream when it returns.
  void* take(std::size_t bytes, const std::string& what) const;
  /// Waits for the device first, as cudaFree does.
  void give_back(void* memory) const noexcept;

  int device_;
  Stream stream_;  ///< in whose order memory comes and goes
  cudaMemPool_t handle_ = nullptr;
};

/// Device memory from cudaMalloc on the current device, or from a pool: for what lives as long as an engine.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  /// `what` names the memory in the error. Zero bytes own nothing. Not while a stream is captured.
  DeviceBuffer(std::size_t bytes, const std::string& what, const MemoryPool* pool = nullptr);
  ~DeviceBuffer();
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)),
        pool_(other.pool_) {}
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(pool_, other.pool_);
    return *this;
  }

  std::byte* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  const MemoryPool* pool_ = nullptr;
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

// The only copies between host and device: each enters the transfer log under `name`. Asynchronous.
void copy_to_device(std::string_view name, void* device, const void* host, std::size_t bytes,
                    cudaStream_t stream);
void copy_to_host(std::string_view name, void* host, const void* device, std::size_t bytes,
                  cudaStream_t stream);
/// Within one device: crosses nothing, enters no transfer log.
void copy_on_device(void* to, const void* from, std::size_t bytes, cudaStream_t stream);
/// Every byte becomes `value`.
void fill(void* device, int value, std::size_t bytes, cudaStream_t stream);

}  // namespace peregrine::cuda
