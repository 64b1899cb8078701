// Runs all models over a batch of pictures: one implementation for the CPU, one for the GPU.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "peregrine/pipeline.h"

namespace peregrine::pipeline {

/// A picture that comes in: as a file's bytes, or as pixels that somebody has decoded.
struct Frame {
  std::string name;                 ///< for messages
  std::span<const std::byte> file;  ///< empty when there are pixels
  std::optional<ImageView> pixels;  ///< host or device memory
};

/// What became of a frame: a result, or an error that concerns it alone.
struct FrameOutcome {
  std::optional<ImageResult> result;
  std::optional<Error> error;
};

class BatchRunner {
 public:
  virtual ~BatchRunner() = default;
  virtual const RunInfo& info() const = 0;
  virtual const std::vector<ModelInfo>& models() const = 0;
  /// Whether it decodes such a file itself; otherwise the caller decodes it on the host, while an earlier batch runs.
  virtual bool decodes(std::span<const std::byte> file) const = 0;
  /// At most Settings::batch frames. Results come without their path, and without decode time where the caller decoded.
  virtual std::vector<FrameOutcome> run(std::span<const Frame> frames) = 0;
};

}  // namespace peregrine::pipeline
