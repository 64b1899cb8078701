// Reads videos: files, cameras (RTSP), standard input.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "peregrine/error.h"
#include "peregrine/image.h"

namespace peregrine::source {

struct VideoOptions {
  int every = 1;  ///< deliver every so many frames; at least 1
  std::int64_t max_pixels = std::int64_t{1} << 28;
  double timeout_seconds = 10;      ///< of a network address: for opening, and between two packets
  std::function<bool()> stop = {};  ///< asked while waiting for data, if set: true ends opening and reading
};

struct VideoInfo {
  int width = 0, height = 0;     ///< as delivered: upright
  double frames_per_second = 0;  ///< 0: unknown
  std::int64_t frames = 0;       ///< as the container states, of an AVI with an index: those that are there
                                 ///< and were not dropped; 0: unknown, as for streams
  std::string codec;             ///< "h264", "mjpeg"
};

/// One frame: pixels or an error, never both.
struct VideoFrame {
  std::int64_t number = 0;  ///< from 0, skipped and damaged frames counted
  double seconds = 0;       ///< presentation time since the start
  HostImage image;          ///< BGR
  std::optional<Error>
      error;  ///< "image.corrupt": this frame; and none follows: "source.truncated" (before the end that the
              ///< container states), "source.broken", "source.empty" (there was none)
};

/// Decodes on the host with FFmpeg's libraries. One thread at a time.
///
/// Pixels are those of OpenCV's VideoCapture: converted by the matrix that the stream states (BT.601 where
/// it states none, BT.709, BT.2020 ...) and its range, swscale's bicubic chroma; turned upright by a
/// rotation in quarter turns that the container states.
class VideoReader {
 public:
  /// A file, rtsp://... or rtsps://..., or "-": standard input (MJPEG, or a container that needs no seeking);
  /// a named pipe is read as standard input is.
  /// Throws Error "source.missing", "source.unreadable", "source.timeout", "source.unknown" (not a video),
  /// "source.empty", "source.truncated" (too short for any frame), "environment.memory", "image.too_large" or
  /// "interrupted" (by options.stop). `display` is named in the sentences.
  VideoReader(const std::string& address, std::string display, const VideoOptions& options = {});
  ~VideoReader();
  VideoReader(VideoReader&&) noexcept;
  VideoReader& operator=(VideoReader&&) noexcept;

  const VideoInfo& info() const;
  /// The next frame that is not skipped; a damaged one comes with its error, skipped or not. Nothing at the
  /// end, and when options.stop says so. Throws Error "source.timeout" or "image.too_large".
  std::optional<VideoFrame> next();

  std::int64_t skipped() const;  ///< good frames left out by `every`
  std::int64_t corrupt() const;  ///< frames delivered with an error

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// "-" and RTSP addresses: what is no file.
bool is_stream(const std::string& argument);

/// Whether a source argument names a video: "-", an RTSP address, or a file name with a video's extension.
bool names_a_video(const std::string& argument);

/// The address without a password, for messages.
std::string without_password(const std::string& address);

}  // namespace peregrine::source
