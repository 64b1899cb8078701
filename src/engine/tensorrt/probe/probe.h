// A wrong vtable layout crashes without a message. So an unknown library first builds a network of one layer
// in a child process and reads it back; only then it is used in this process.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "engine/tensorrt/library/library.h"

namespace peregrine::tensorrt {

struct ProbeResult {
  std::string failure{};        ///< why the library cannot be used at all; empty where it can
  bool gpu = false;             ///< there was a GPU to try
  bool may_pass_later = false;  ///< the failure is one of time, memory or a signal: it is not remembered
  std::string refusal{};        ///< why it does not run on this GPU, in its own words; empty where it does
};

/// What the program peregrine-tensorrt-probe does: tries the library in this process, on cuda:`device` where
/// there is one.
ProbeResult probe_here(const LibraryFiles& files, int device);

/// The result for these files on cuda:`device`, from a process of its own, or as remembered by the digests of
/// the files, the GPU and our version: under `memory` (a folder; failing to write there is no error), and for
/// the life of this process. `progress`, as BuildOptions has it, is told while the process runs, in the
/// calling thread; false ends the process. Throws Error "environment.tensorrt" where the program that probes
/// is missing, "interrupted.probe".
ProbeResult probe(const LibraryFiles& files, int device, const std::filesystem::path& memory,
                  const std::function<bool(double, std::string_view)>& progress = {});

/// One line between the two processes.
std::string to_line(const ProbeResult& result);

}  // namespace peregrine::tensorrt
