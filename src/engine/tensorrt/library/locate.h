// Finds TensorRT on this machine.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/tensorrt/library/library.h"

namespace peregrine::tensorrt {

/// A library that was found, fit or not.
struct Installation {
  LibraryFiles files;  ///< a path empty: there is none
  std::string place;   ///< "--tensorrt", "TENSORRT_LIB_DIR", "the loader's path", "peregrine's own folder",
                       ///< "Python's packages"
  std::optional<Version> version{};  ///< nothing where the file does not load
  std::string refusal{};             ///< why it cannot serve; empty where it may
};

/// All of them, in the order of the search: `given` (the flag --tensorrt: a library, its folder, or
/// the folder into which its wheel was unpacked; then nothing else counts), TENSORRT_LIB_DIR, the loader's
/// path, our own folder beside the executable, Python's packages (tensorrt_libs, tensorrt_rtx_libs; tensorrt,
/// where the wheel of 8.5 has them). Loads each library for its version. Throws Error "environment.tensorrt"
/// where `given` holds none.
std::vector<Installation> find_installations(const std::filesystem::path& given);

/// The first that may serve: for Flavour::tensorrt the newest version. Throws Error "environment.tensorrt",
/// naming what was found and why it cannot serve.
Installation find_installation(Flavour flavour, const std::filesystem::path& given);

}  // namespace peregrine::tensorrt
