// Vendor libraries are loaded on use: the executable starts without any of them, and what is missing is
// named together with the way to get it.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peregrine {

/// What to look for, and what to tell the user when it is not there.
struct LibraryRequest {
  std::string_view product;                      ///< "cuDNN 9"
  std::span<const std::string_view> file_names;  ///< tried in this order: "libcudnn.so.9"
  std::string_view wheel_folder;  ///< below site-packages/nvidia: "cudnn/lib"; NVIDIA's wheels put it there
  std::string_view how_to_get;    ///< "Install cuDNN 9 for CUDA 13 (package libcudnn9-cuda-13), or ..."
};

/// Owner of a loaded library. It stays loaded until the process ends even when the owner dies: vendor
/// libraries leave threads and exit handlers behind.
class DynamicLibrary {
 public:
  DynamicLibrary() = default;
  /// Searches: our own folder beside the executable (../lib/peregrine), the loader's path,
  /// /usr/local/cuda*/lib64 (and CUPTI beside it), the nvidia wheels of Python installations. Never the
  /// working directory. Throws Error "environment.library".
  static DynamicLibrary load(const LibraryRequest& request);
  /// What the loader finds under a bare name: LD_LIBRARY_PATH and the system's folders. Its empty and
  /// relative elements, which mean the working directory, are passed over. Throws Error
  /// "environment.library".
  static DynamicLibrary load_named(const std::filesystem::path& name);
  /// This file and no other. Throws Error "environment.library" with the loader's words.
  static DynamicLibrary load_file(const std::filesystem::path& file);

  explicit operator bool() const noexcept { return handle_ != nullptr; }
  const std::filesystem::path& path() const noexcept { return path_; }
  /// Null where the library has no such symbol.
  void* find(const char* symbol) const noexcept;
  /// Throws Error "environment.library" where the library has no such symbol.
  template <class Function>
  Function* get(const char* symbol) const {
    return reinterpret_cast<Function*>(require(symbol));
  }

 private:
  static DynamicLibrary open(const std::filesystem::path& file);
  void* require(const char* symbol) const;
  void* handle_ = nullptr;
  std::filesystem::path path_;
};

/// Folders beside the loader's own path that load() looks into, in order, existing ones only.
std::vector<std::filesystem::path> library_folders(std::string_view wheel_folder);

/// Our own folder of carried libraries, beside the executable (../lib/peregrine); it need not exist.
std::filesystem::path own_library_folder();
/// Where Python installations keep packages (virtual environment, system, user), newest Python first; need
/// not exist.
std::vector<std::filesystem::path> python_packages();

}  // namespace peregrine
