// A TensorRT library in the process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "core/os/dynamic_library.h"
#include "engine/tensorrt/library/callbacks.h"
#include "engine/tensorrt/library/version.h"

namespace peregrine::tensorrt {

/// The files of an installation.
struct LibraryFiles {
  std::filesystem::path library, parser;
  std::filesystem::path
      plugins{};  ///< libnvinfer_plugin; empty: there is none (TensorRT-RTX has none at all)
};

/// Loads the files and knows their layout. TensorRT's own plugins are registered with it once: before
/// anything is parsed or deserialized. Whoever has not probed the files (probe.h) must not use what it gives.
class Library {
 public:
  /// Throws Error "environment.tensorrt": a library or parser that does not load, is no TensorRT, or is of a
  /// version that is not supported. Plugins that do not load are no error: few models need them.
  explicit Library(const LibraryFiles& files);

  const Version& version() const noexcept { return version_; }
  /// "0.2.0"
  std::string parser_version() const;
  const std::filesystem::path& path() const noexcept { return library_.path(); }
  const Slots& slots() const noexcept { return *slots_; }
  Logger& logger() const noexcept { return *logger_; }
  /// Why TensorRT's plugins are not there, as a sentence; empty where they are, or where there are none.
  const std::string& plugins_missing() const noexcept { return plugins_missing_; }

  // The factories; null where the library refuses, and its reasons are in the log.
  void* create_builder() const;
  void* create_runtime() const;
  void* create_parser(void* network) const;

 private:
  void register_plugins(const std::filesystem::path& file);

  DynamicLibrary library_, parser_, plugins_;
  std::int32_t version_number_ = 0, parser_number_ = 0;
  Version version_;
  const Slots* slots_ = nullptr;
  std::unique_ptr<Logger> logger_;
  std::string plugins_missing_;
};

/// Loads once, and keeps it until the process ends. Throws what the constructor throws.
const Library& loaded(const LibraryFiles& files);

/// The version of a library file alone, for lists. Throws Error "environment.tensorrt".
Version read_version(const std::filesystem::path& library);

/// Throws Error "device.memory" where what the library has said since `begin` of the logger speaks of memory.
void throw_if_memory_ran_out(const Library& library, const std::string& what, const std::string& hint);

/// Whether what the library says, `words`, is that a plugin is missing, and TensorRT's plugins are.
bool lacks_plugins(const Library& library, std::string_view words);
/// What to do then.
std::string how_to_get_plugins(const Library& library);

/// "TensorRT-RTX 1.7.1 could not WHAT: ITS WORDS."; `begin` of the logger was called before. Where TensorRT's
/// plugins are missing for it, it says so, with its own hint.
[[noreturn]] void throw_its_words(const Library& library, const std::string& what, const std::string& code,
                                  const std::string& hint);

/// The same, and throw_if_memory_ran_out() before it.
[[noreturn]] void throw_failure(const Library& library, const std::string& what,
                                const std::string& code = "engine.tensorrt", const std::string& hint = {});

}  // namespace peregrine::tensorrt
