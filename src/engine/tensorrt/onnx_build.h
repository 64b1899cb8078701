// Builds a plan of an ONNX file: it parses, inspects and builds.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/tensorrt/library/objects.h"

namespace peregrine::tensorrt {

class OnnxBuild {
 public:
  /// Parses the file, whose bytes are not needed afterwards. Throws Error "engine.unsupported" naming the
  /// node that the parser refuses, "model.damaged" for a file that is none or has nothing in it.
  OnnxBuild(const Library& library, std::span<const std::byte> file);

  const NetworkDefinition& network() const { return network_; }

  struct Options {
    std::optional<BatchRange> batches;
    bool fp16_by_flag = false;  ///< of a weakly typed network; ask_for_fp16() (layer_precision.h) was called
    std::size_t workspace_bytes = 0;
    std::function<std::optional<std::size_t>()> free_memory;  ///< on the GPU, in bytes; nothing without one
    std::optional<int> optimization_level;
    std::vector<int> compute_capabilities;
    std::function<bool(double, std::string_view)> progress;
    /// What builds have measured so far; empty: nothing. Read before the build, and once more behind it,
    /// because other builds may have ended meanwhile.
    std::function<std::vector<std::byte>()> read_timing_cache;
    /// Gets all that was read and what this build measured, also where the build was cancelled on the way but
    /// could not be stopped. Not called where the library has no timing cache.
    std::function<void(std::span<const std::byte>)> keep_timing_cache;
  };
  struct Result {
    std::vector<std::byte> plan;
    std::vector<std::string> notes;
  };
  /// Throws Error "interrupted.build", "engine.workspace" with the bytes that TensorRT asked for,
  /// "engine.tensorrt".
  Result build(const Options& options) const;

 private:
  BuilderConfig configure(const Options& options) const;
  std::optional<HostMemory> run_builder(const BuilderConfig& config, const Options& options) const;
  void merge_timing_cache(const BuilderConfig& config, const TimingCache& cache,
                          std::span<const std::byte> known, const Options& options) const;
  [[noreturn]] void throw_build_failure(const Options& options) const;

  const Library& library_;
  BuilderObject builder_;
  NetworkDefinition network_;
  Parser parser_;  ///< owns the weights: kept until the build is done
};

}  // namespace peregrine::tensorrt
