// Decoded frames -> upright BGR. Private to src/stages/source.
#pragma once

#include <cstdint>
#include <vector>

#include "peregrine/image.h"
#include "stages/source/video/ffmpeg.h"

namespace peregrine::source {

class FrameConverter {
 public:
  HostImage to_bgr(const AVFrame& frame, int orientation);

 private:
  ffmpeg::Scaler scaler_;
  std::vector<std::uint8_t> rows_;
};

/// EXIF orientation (1, 6, 3 or 8) of the display matrix that a container states.
int orientation_of(const AVStream& stream);

}  // namespace peregrine::source
