// Runs all models over a batch of images: one implementation for the CPU, one for the GPU.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "peregrine/pipeline.h"

namespace peregrine::predictor {

/// An input image: the bytes of a file, or decoded pixels.
struct Frame {
  std::string name;                 ///< for messages
  std::span<const std::byte> file;  ///< empty when there are pixels
  std::optional<ImageView> pixels;  ///< host or device memory
};

/// The result of a frame, or an error that concerns it alone.
struct RunnerResult {
  std::optional<ImageResult> result;
  std::optional<Error> error;
};

/// A batch that prepare() has started; the memory of its frames must stay until finish() has returned.
class PreparedBatch {
 public:
  explicit PreparedBatch(std::vector<Frame> frames) : frames_(std::move(frames)) {}
  virtual ~PreparedBatch() = default;
  PreparedBatch(const PreparedBatch&) = delete;
  PreparedBatch& operator=(const PreparedBatch&) = delete;
  std::span<const Frame> frames() const { return frames_; }

 private:
  std::vector<Frame> frames_;
};

class BatchRunner {
 public:
  virtual ~BatchRunner() = default;
  virtual const RunInfo& info() const = 0;
  virtual const std::vector<ModelInfo>& models() const = 0;
  /// Whether it decodes such a file itself; otherwise the caller decodes it on the host, while an earlier
  /// batch runs.
  virtual bool decodes(std::span<const std::byte> file) const = 0;
  /// Takes at most Settings::batch frames and decodes what decodes() says; what fails is told by finish().
  /// May be called by another thread while finish() runs an earlier batch; two batches at most are there at a
  /// time.
  virtual std::unique_ptr<PreparedBatch> prepare(std::vector<Frame> frames) {
    return std::make_unique<PreparedBatch>(std::move(frames));
  }
  /// Results come without their path, and without decode time where the caller decoded.
  virtual std::vector<RunnerResult> finish(PreparedBatch& batch) = 0;
  std::vector<RunnerResult> run(std::span<const Frame> frames) {
    return finish(*prepare({frames.begin(), frames.end()}));
  }
};

}  // namespace peregrine::predictor
