// cuDNN's backend interface, loaded on use: twelve C functions, descriptors with owners, attributes set by
// type.
#pragma once

#include <cudnn.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/os/dynamic_library.h"

namespace peregrine::cuda {

/// Owner of one backend descriptor; shared, because a plan keeps what it was made from alive.
using Descriptor = std::shared_ptr<void>;

/// The library and a handle for the device that was current when it was made. Not for several threads at
/// once.
class Cudnn {
 public:
  /// Throws Error "environment.library" when cuDNN 9 is missing.
  Cudnn();
  ~Cudnn();
  Cudnn(const Cudnn&) = delete;
  Cudnn& operator=(const Cudnn&) = delete;

  /// "9.19.0"
  std::string version() const;

  Descriptor create(cudnnBackendDescriptorType_t type) const;
  template <class T>
  void set(const Descriptor& descriptor, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
           std::span<const T> values) const {
    set_raw(descriptor, name, type, static_cast<std::int64_t>(values.size()), values.data());
  }
  template <class T>
  void set(const Descriptor& descriptor, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
           const T& value) const {
    set_raw(descriptor, name, type, 1, &value);
  }
  void set(const Descriptor& descriptor, cudnnBackendAttributeName_t name, const Descriptor& value) const;
  void set_handle(const Descriptor& descriptor, cudnnBackendAttributeName_t name) const;
  /// Throws Error "engine.cudnn" with the library's words; CUDNN_STATUS_NOT_SUPPORTED too.
  void finalize(const Descriptor& descriptor) const;

  template <class T>
  T get(const Descriptor& descriptor, cudnnBackendAttributeName_t name,
        cudnnBackendAttributeType_t type) const {
    T value{};
    get_raw(descriptor, name, type, 1, &value);
    return value;
  }
  /// The `type` descriptors that an attribute holds, `at_most` of them; 0: however many there are.
  std::vector<Descriptor> get_all(const Descriptor& descriptor, cudnnBackendAttributeName_t name,
                                  cudnnBackendDescriptorType_t type, std::int64_t at_most = 0) const;
  std::string get_text(const Descriptor& descriptor, cudnnBackendAttributeName_t name) const;

  void execute(const Descriptor& plan, const Descriptor& variant_pack, cudaStream_t stream) const;

 private:
  void check(cudnnStatus_t status, const char* call) const;
  void set_raw(const Descriptor& descriptor, cudnnBackendAttributeName_t name,
               cudnnBackendAttributeType_t type, std::int64_t count, const void* values) const;
  std::int64_t get_raw(const Descriptor& descriptor, cudnnBackendAttributeName_t name,
                       cudnnBackendAttributeType_t type, std::int64_t count, void* values) const;

  DynamicLibrary nvrtc_, library_;
  decltype(&cudnnCreate) create_;
  decltype(&cudnnDestroy) destroy_;
  decltype(&cudnnGetVersion) version_;
  decltype(&cudnnSetStream) set_stream_;
  decltype(&cudnnGetErrorString) error_string_;
  decltype(&cudnnGetLastErrorString) last_error_;
  decltype(&cudnnBackendCreateDescriptor) create_descriptor_;
  decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor_;
  decltype(&cudnnBackendSetAttribute) set_attribute_;
  decltype(&cudnnBackendGetAttribute) get_attribute_;
  decltype(&cudnnBackendFinalize) finalize_;
  decltype(&cudnnBackendExecute) execute_;
  cudnnHandle_t handle_ = nullptr;
};

}  // namespace peregrine::cuda
