#include "stages/source/video/video_pixels.h"

extern "C" {
#include <libavutil/display.h>
#include <libavutil/pixdesc.h>
}

#include <array>
#include <cmath>
#include <new>

#include "image/exif.h"

namespace peregrine::source {
namespace {

/// The old "full range" formats differ from the plain ones in their range alone.
AVPixelFormat without_range(AVPixelFormat format) {
  switch (format) {
    case AV_PIX_FMT_YUVJ420P: return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P: return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P: return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P: return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ411P: return AV_PIX_FMT_YUV411P;
    default: return format;
  }
}

}  // namespace

HostImage FrameConverter::to_bgr(const AVFrame& frame, int orientation) {
  const auto stated = static_cast<AVPixelFormat>(frame.format);
  const AVPixelFormat format = without_range(stated);
  scaler_.reset(sws_getCachedContext(scaler_.release(), frame.width, frame.height, format, frame.width,
                                     frame.height, AV_PIX_FMT_BGR24, SWS_BICUBIC, nullptr, nullptr, nullptr));
  if (!scaler_) throw std::bad_alloc();
  const bool full_range = format != stated || frame.color_range == AVCOL_RANGE_JPEG;
  constexpr int one = 1 << 16;  // contrast and saturation
  sws_setColorspaceDetails(scaler_.get(), sws_getCoefficients(frame.colorspace), full_range,
                           sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, one, one);
  // swscale's vector code may write a little beyond a row: it gets rows with room, the image dense ones.
  constexpr int alignment = 64;
  const int pitch = (3 * frame.width + 2 * alignment - 1) / alignment * alignment;
  rows_.resize(static_cast<std::size_t>(pitch) * static_cast<std::size_t>(frame.height) + alignment);
  const std::array<std::uint8_t*, 4> planes = {rows_.data()};
  const std::array<int, 4> pitches = {pitch};
  sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, planes.data(), pitches.data());

  const std::size_t row = std::size_t{3} * static_cast<std::size_t>(frame.width);
  HostImage image{frame.width, frame.height, PixelOrder::bgr, {}};
  image.pixels.reserve(row * static_cast<std::size_t>(frame.height));
  for (int y = 0; y < frame.height; ++y) {
    const std::uint8_t* from = rows_.data() + static_cast<std::ptrdiff_t>(y) * pitch;
    image.pixels.insert(image.pixels.end(), from, from + row);
  }
  return apply_exif_orientation(std::move(image), orientation);
}

int orientation_of(const AVStream& stream) {
  const std::uint8_t* matrix = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, nullptr);
  if (!matrix) return 1;
  const double anticlockwise = av_display_rotation_get(reinterpret_cast<const std::int32_t*>(matrix));
  if (std::isnan(anticlockwise)) return 1;
  const int quarters = ((static_cast<int>(std::lround(-anticlockwise / 90)) % 4) + 4) % 4;
  return std::array{1, 6, 3, 8}[static_cast<std::size_t>(quarters)];
}

}  // namespace peregrine::source
