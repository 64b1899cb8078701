// A TensorRT library in the process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "core/os/dynamic_library.h"
#include "engine/tensorrt/library/callbacks.h"
#include "engine/tensorrt/library/version.h"

namespace peregrine::tensorrt {

/// The two files of an installation.
struct LibraryFiles {
  std::filesystem::path library, parser;
};

/// Loads both files and knows their layout. Whoever has not probed them (probe.h) must not use what it gives.
class Library {
 public:
  /// Throws Error "environment.tensorrt": a file that does not load, is no TensorRT, or is of a version that
  /// is not supported.
  explicit Library(const LibraryFiles& files);

  const Version& version() const noexcept { return version_; }
  /// "0.2.0"
  std::string parser_version() const;
  const std::filesystem::path& path() const noexcept { return library_.path(); }
  const Slots& slots() const noexcept { return *slots_; }
  Logger& logger() const noexcept { return *logger_; }

  // The factories; null where the library refuses, and its reasons are in the log.
  void* create_builder() const;
  void* create_runtime() const;
  void* create_parser(void* network) const;

 private:
  DynamicLibrary library_, parser_;
  std::int32_t version_number_ = 0, parser_number_ = 0;
  Version version_;
  const Slots* slots_ = nullptr;
  std::unique_ptr<Logger> logger_;
};

/// Loads once, and keeps it until the process ends. Throws what the constructor throws.
const Library& loaded(const LibraryFiles& files);

/// The version of a library file alone, for lists. Throws Error "environment.tensorrt".
Version read_version(const std::filesystem::path& library);

/// Throws Error "device.memory" where what the library has said since `begin` of the logger speaks of memory.
void throw_if_memory_ran_out(const Library& library, const std::string& what, const std::string& hint);

/// "TensorRT-RTX 1.7.1 could not WHAT: ITS WORDS."; `begin` of the logger was called before.
[[noreturn]] void throw_its_words(const Library& library, const std::string& what, const std::string& code,
                                  const std::string& hint);

/// The same, and throw_if_memory_ran_out() before it.
[[noreturn]] void throw_failure(const Library& library, const std::string& what,
                                const std::string& code = "engine.tensorrt", const std::string& hint = {});

}  // namespace peregrine::tensorrt
