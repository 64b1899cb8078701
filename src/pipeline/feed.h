// What comes out of the sources, in batches: files of pictures, read and where needed decoded, and frames of videos.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "peregrine/pipeline.h"
#include "source/source.h"
#include "source/video.h"

namespace peregrine::pipeline {

/// A picture or frame on its way through the pipeline; with `error` it is none; with `video->ended` neither.
struct Loaded {
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

/// One caller at a time, except for stop().
class Feed {
 public:
  /// `decodes`: whether the runner takes such a file as it is.
  Feed(std::vector<source::Item> items, const PipelineOptions& options, std::size_t batch,
       std::function<bool(std::span<const std::byte>)> decodes);

  /// At most `batch` pictures and frames, with the errors and ends of videos between them. Empty: that was all.
  std::vector<Loaded> next_batch();
  std::size_t items() const { return items_.size(); }
  /// From any thread: wait for nothing any more; next_batch() ends soon.
  void stop() { stopped_ = true; }

 private:
  Loaded load_picture(const source::Item& item) const;
  Loaded next_frame(const source::Item& item);
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

}  // namespace peregrine::pipeline
