// The plugins of a test double: they register with the library of their own folder, as TensorRT's do with the
// libnvinfer that is loaded.
#include <dlfcn.h>

#include <string>

extern "C" __attribute__((visibility("default"))) bool initLibNvInferPlugins(void* log, const char* space) {
  Dl_info own{};
  if (!log || !space || *space || !dladdr(reinterpret_cast<void*>(&initLibNvInferPlugins), &own))
    return false;
  std::string path = own.dli_fname;
  path.replace(path.rfind('/') + 1, std::string::npos, DOUBLE_LIBRARY);
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (!library) return false;
  reinterpret_cast<void (*)()>(dlsym(library, "double_register_plugins"))();
  return true;
}
