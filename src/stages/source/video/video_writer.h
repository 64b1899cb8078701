// Writes annotated videos: H.264 where FFmpeg's library has an encoder for it, else MPEG-4.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "peregrine/image.h"

namespace peregrine::source {

class VideoWriter {
 public:
  /// `path` names the container by its extension (.mp4, .mkv, .mov, .avi). The file appears under its name
  /// when finish() has succeeded; without it nothing is left. Frames of odd width or height are enlarged by a
  /// pixel. `frames_per_second` (0: unknown) is a hint for players; the frames' own times count. Throws Error
  /// "output.write".
  VideoWriter(const std::filesystem::path& path, int width, int height, double frames_per_second);
  ~VideoWriter();
  VideoWriter(VideoWriter&&) noexcept;
  VideoWriter& operator=(VideoWriter&&) noexcept;

  /// The next frame, of the size given above, shown from `seconds` on (rising; a time that does not rise is
  /// moved behind the one before). Colours are stored by BT.709, limited range.
  void write(const ImageView& frame, double seconds);
  void finish();

  /// "libx264", "mpeg4", ...
  std::string encoder() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace peregrine::source
