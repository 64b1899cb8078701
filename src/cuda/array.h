// Typed arrays over the owners of memory.h: what lies in device memory, and how much of it, is said by a type
// and not by casts where it is used. Move-only, as the owners are.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "cuda/memory.h"

namespace peregrine::cuda {

/// `size` elements of device memory, not initialised. The host passes their addresses on and reads none.
template <class T>
class DeviceArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  DeviceArray() = default;
  /// As DeviceBuffer: `what` names the memory in the error.
  DeviceArray(std::size_t size, const std::string& what, const MemoryPool* pool = nullptr)
      : memory_(size * sizeof(T), what, pool) {}

  T* data() const noexcept { return reinterpret_cast<T*>(memory_.data()); }
  std::size_t size() const noexcept { return memory_.bytes() / sizeof(T); }
  std::size_t bytes() const noexcept { return memory_.bytes(); }

 private:
  DeviceBuffer memory_;
};

/// `size` elements of page-locked host memory, not initialised, which host and kernels read and write.
template <class T>
class PinnedArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  PinnedArray() = default;
  PinnedArray(std::size_t size, const std::string& what) : memory_(size * sizeof(T), what) {}

  T* data() const noexcept { return reinterpret_cast<T*>(memory_.data()); }
  std::size_t size() const noexcept { return memory_.bytes() / sizeof(T); }
  std::size_t bytes() const noexcept { return memory_.bytes(); }
  T& operator[](std::size_t index) const noexcept { return data()[index]; }
  /// The first `count` elements: what a copy to the device takes.
  std::span<T> first(std::size_t count) const noexcept { return std::span<T>(data(), size()).first(count); }

 private:
  PinnedBuffer memory_;
};

/// An array of `size` elements that begins `offset` bytes into memory which another object owns.
template <class T>
struct ArraySlice {
  std::size_t offset = 0, size = 0;

  T* in(void* memory) const noexcept {
    return reinterpret_cast<T*>(static_cast<std::byte*>(memory) + offset);
  }
};

/// Lays arrays one behind another in a workspace. Each begins at a multiple of 256 bytes, as memory of
/// cudaMalloc does.
class WorkspaceLayout {
 public:
  template <class T>
  ArraySlice<T> append(std::size_t size) {
    const ArraySlice<T> slice{bytes_, size};
    bytes_ += (size * sizeof(T) + alignment - 1) / alignment * alignment;
    return slice;
  }
  /// What all slices so far need.
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::size_t alignment = 256;
  std::size_t bytes_ = 0;
};

/// copy_to_device() of memory.h for elements: `from` fills the beginning of `to`.
template <class T>
void copy_to_device(std::string_view name, const DeviceArray<T>& to,
                    std::span<const std::type_identity_t<T>> from, cudaStream_t stream) {
  copy_to_device(name, to.data(), from.data(), from.size_bytes(), stream);
}

}  // namespace peregrine::cuda
