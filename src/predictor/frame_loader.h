// Loads the sources in batches: image files, which it reads and decodes where the runner does not, and frames
// of videos.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "peregrine/pipeline.h"
#include "stages/source/source.h"
#include "stages/source/video/video.h"

namespace peregrine::predictor {

/// An image or frame on its way through the pipeline; an error with `error`, the end of a video with
/// `video->ended`.
struct InputFrame {
  std::string path;
  std::size_t source = 0;  ///< number of its item
  std::vector<std::byte> file = {};
  std::optional<HostImage> image = {};  ///< unless the runner decodes it
  std::optional<Error> error = {};
  double decode_ms = 0;
  std::int64_t frame = -1;
  double seconds = 0;
  std::optional<VideoStatus> video = {};

  bool runs() const { return !error && !(video && video->ended); }
};

/// One thread calls it at a time, except for stop().
class FrameLoader {
 public:
  /// `decodes`: whether the runner takes such a file as it is.
  FrameLoader(std::vector<source::Item> items, const PipelineOptions& options, std::size_t batch,
              std::function<bool(std::span<const std::byte>)> decodes);

  /// At most `batch` images and frames, with the errors and ends of videos between them. Empty: that was all.
  std::vector<InputFrame> next_batch();
  std::size_t items() const { return items_.size(); }
  /// From any thread: wait for nothing any more; next_batch() ends soon.
  void stop() { stopped_ = true; }

 private:
  InputFrame load_image(const source::Item& item) const;
  InputFrame next_frame(const source::Item& item);
  void open(const source::Item& item);
  VideoStatus status(bool ended) const;
  bool must_stop() const { return stopped_ || (options_.stop && options_.stop()); }

  std::vector<source::Item> items_;
  PipelineOptions options_;
  std::size_t batch_;
  std::function<bool(std::span<const std::byte>)> decodes_;
  std::size_t next_ = 0;
  std::optional<source::VideoReader> video_;  ///< of item next_
  std::atomic<bool> stopped_ = false;
};

}  // namespace peregrine::predictor
