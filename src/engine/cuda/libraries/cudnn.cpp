#include "engine/cuda/libraries/cudnn.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "core/log.h"
#include "core/memory_error.h"
#include "engine/cuda/libraries/cudnn_version.h"
#include "peregrine/error.h"

namespace peregrine::cuda {

namespace {

constexpr std::array<std::string_view, 1> cudnn_files{"libcudnn.so.9"};
constexpr std::array<std::string_view, 1> nvrtc_files{"libnvrtc.so.13"};

/// cuDNN compiles its fused kernels with NVRTC, which it looks up by name: loaded before, it is found
/// wherever it lies.
DynamicLibrary load_nvrtc() {
  return DynamicLibrary::load({"NVRTC 13, which cuDNN compiles its fused kernels with", nvrtc_files,
                               "cu13/lib", "Install cuda-nvrtc-13-0, or the wheel nvidia-cuda-nvrtc."});
}

DynamicLibrary load_cudnn() {
  return DynamicLibrary::load(
      {"cuDNN 9", cudnn_files, "cudnn/lib",
       "Install libcudnn9-cuda-13 from NVIDIA's repository, or the wheel nvidia-cudnn-cu13."});
}

std::string version_text(std::size_t number) {
  return fmt::format("{}.{}.{}", number / 10000, number / 100 % 100, number % 100);
}

}  // namespace

std::string cudnn_version() {
  return version_text(load_cudnn().get<decltype(cudnnGetVersion)>("cudnnGetVersion")());
}

Cudnn::Cudnn()
    : nvrtc_(load_nvrtc()),
      library_(load_cudnn()),
      create_(library_.get<decltype(cudnnCreate)>("cudnnCreate")),
      destroy_(library_.get<decltype(cudnnDestroy)>("cudnnDestroy")),
      version_(library_.get<decltype(cudnnGetVersion)>("cudnnGetVersion")),
      set_stream_(library_.get<decltype(cudnnSetStream)>("cudnnSetStream")),
      error_string_(library_.get<decltype(cudnnGetErrorString)>("cudnnGetErrorString")),
      last_error_(library_.get<decltype(cudnnGetLastErrorString)>("cudnnGetLastErrorString")),
      create_descriptor_(
          library_.get<decltype(cudnnBackendCreateDescriptor)>("cudnnBackendCreateDescriptor")),
      destroy_descriptor_(
          library_.get<decltype(cudnnBackendDestroyDescriptor)>("cudnnBackendDestroyDescriptor")),
      set_attribute_(library_.get<decltype(cudnnBackendSetAttribute)>("cudnnBackendSetAttribute")),
      get_attribute_(library_.get<decltype(cudnnBackendGetAttribute)>("cudnnBackendGetAttribute")),
      finalize_(library_.get<decltype(cudnnBackendFinalize)>("cudnnBackendFinalize")),
      execute_(library_.get<decltype(cudnnBackendExecute)>("cudnnBackendExecute")) {
  check(create_(&handle_), "cudnnCreate");
}

Cudnn::~Cudnn() {
  const cudnnStatus_t status = destroy_(handle_);
  if (status != CUDNN_STATUS_SUCCESS)
    log::error(std::string("cudnnDestroy failed: ") + error_string_(status));
}

std::string Cudnn::version() const { return version_text(version_()); }

void Cudnn::check(cudnnStatus_t status, const char* call) const {
  if (status == CUDNN_STATUS_SUCCESS) return;
  std::array<char, 512> detail{};
  last_error_(detail.data(), detail.size());
  const std::string sentence = fmt::format("The cuda engine was refused by cuDNN: {} failed: {} ({}).", call,
                                           error_string_(status), detail.data());
  if (speaks_of_memory(sentence))
    throw Error("device.memory", sentence, "Use a smaller batch or image size.");
  throw Error("engine.cudnn", sentence);
}

Descriptor Cudnn::create(cudnnBackendDescriptorType_t type) const {
  cudnnBackendDescriptor_t raw = nullptr;
  check(create_descriptor_(type, &raw), "cudnnBackendCreateDescriptor");
  return {raw, destroy_descriptor_};
}

void Cudnn::set(const Descriptor& descriptor, cudnnBackendAttributeName_t name,
                const Descriptor& value) const {
  const cudnnBackendDescriptor_t raw = value.get();
  set_raw(descriptor, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw);
}

void Cudnn::set_handle(const Descriptor& descriptor, cudnnBackendAttributeName_t name) const {
  set_raw(descriptor, name, CUDNN_TYPE_HANDLE, 1, &handle_);
}

void Cudnn::finalize(const Descriptor& descriptor) const {
  check(finalize_(descriptor.get()), "cudnnBackendFinalize");
}

void Cudnn::set_raw(const Descriptor& descriptor, cudnnBackendAttributeName_t name,
                    cudnnBackendAttributeType_t type, std::int64_t count, const void* values) const {
  check(set_attribute_(descriptor.get(), name, type, count, values), "cudnnBackendSetAttribute");
}

std::int64_t Cudnn::get_raw(const Descriptor& descriptor, cudnnBackendAttributeName_t name,
                            cudnnBackendAttributeType_t type, std::int64_t count, void* values) const {
  std::int64_t returned = 0;
  check(get_attribute_(descriptor.get(), name, type, count, &returned, values), "cudnnBackendGetAttribute");
  return returned;
}

std::vector<Descriptor> Cudnn::get_all(const Descriptor& descriptor, cudnnBackendAttributeName_t name,
                                       cudnnBackendDescriptorType_t type, std::int64_t at_most) const {
  const std::int64_t available =
      at_most ? at_most : get_raw(descriptor, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr);
  std::vector<Descriptor> found;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (std::int64_t i = 0; i < available; ++i) raw.push_back(found.emplace_back(create(type)).get());
  const std::int64_t returned =
      get_raw(descriptor, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, available, raw.data());
  found.resize(static_cast<std::size_t>(std::min(available, returned)));
  return found;
}

std::string Cudnn::get_text(const Descriptor& descriptor, cudnnBackendAttributeName_t name) const {
  std::string text(static_cast<std::size_t>(get_raw(descriptor, name, CUDNN_TYPE_CHAR, 0, nullptr)), '\0');
  get_raw(descriptor, name, CUDNN_TYPE_CHAR, static_cast<std::int64_t>(text.size()), text.data());
  return text;
}

void Cudnn::execute(const Descriptor& plan, const Descriptor& variant_pack, cudaStream_t stream) const {
  check(set_stream_(handle_, stream), "cudnnSetStream");
  check(execute_(handle_, plan.get(), variant_pack.get()), "cudnnBackendExecute");
}

}  // namespace peregrine::cuda
