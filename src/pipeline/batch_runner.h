// Runs all models over a batch of pictures: one implementation for the CPU, one for the GPU.
#pragma once

#include <span>
#include <vector>

#include "peregrine/pipeline.h"

namespace peregrine::pipeline {

class BatchRunner {
 public:
  virtual ~BatchRunner() = default;
  virtual const RunInfo& info() const = 0;
  virtual const std::vector<ModelInfo>& models() const = 0;
  /// At most Settings::batch pictures. Paths and decode times are the caller's to fill in.
  virtual std::vector<ImageResult> run(std::span<const ImageView> images) = 0;
};

}  // namespace peregrine::pipeline
