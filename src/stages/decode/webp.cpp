// WebP by libwebp: lossy and lossless, alpha dropped without blending; of an animation the first frame.
#include <webp/decode.h>
#include <webp/demux.h>

#include <cstring>
#include <memory>

#include "image/exif.h"
#include "stages/decode/input.h"
#include "stages/decode/orientation.h"

namespace peregrine::decode {
namespace {

[[noreturn]] void fail(const Input& input, VP8StatusCode status) {
  if (status == VP8_STATUS_OUT_OF_MEMORY) throw std::bad_alloc();
  if (status == VP8_STATUS_NOT_ENOUGH_DATA || status == VP8_STATUS_SUSPENDED) input.fail_truncated();
  input.fail_corrupt("its WebP data make no sense");
}

/// The RIFF header states the file's length.
bool shorter_than_stated(const Input& input) {
  const std::uint8_t* p = input.data() + 4;
  const std::uint64_t stated = p[0] | p[1] << 8 | p[2] << 16 | std::uint64_t{p[3]} << 24;
  return stated + 8 > input.size();
}

int orientation_of(const Input& input) {
  const WebPData data{input.data(), input.size()};
  const std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)> demuxer(WebPDemux(&data), WebPDemuxDelete);
  if (!demuxer) return 1;
  WebPChunkIterator chunk;
  const int found = WebPDemuxGetChunk(demuxer.get(), "EXIF", 1, &chunk);
  const int orientation =
      found ? exif_orientation({reinterpret_cast<const std::byte*>(chunk.chunk.bytes), chunk.chunk.size}) : 1;
  WebPDemuxReleaseChunkIterator(&chunk);
  return orientation;
}

void read_still(const Input& input, HostImage& image) {
  WebPDecoderConfig config;
  WebPInitDecoderConfig(&config);
  config.output.colorspace = MODE_BGR;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {image.pixels.data(), 3 * image.width, image.pixels.size()};
  if (const VP8StatusCode status = WebPDecode(input.data(), input.size(), &config); status != VP8_STATUS_OK)
    fail(input, status);
}

void read_first_frame(const Input& input, HostImage& image) {
  WebPAnimDecoderOptions options;
  WebPAnimDecoderOptionsInit(&options);
  options.color_mode = MODE_BGRA;
  const WebPData data{input.data(), input.size()};
  const std::unique_ptr<WebPAnimDecoder, decltype(&WebPAnimDecoderDelete)> decoder(
      WebPAnimDecoderNew(&data, &options), WebPAnimDecoderDelete);
  std::uint8_t* frame = nullptr;
  int timestamp = 0;
  if (!decoder || !WebPAnimDecoderGetNext(decoder.get(), &frame, &timestamp))
    fail(input, shorter_than_stated(input) ? VP8_STATUS_NOT_ENOUGH_DATA : VP8_STATUS_BITSTREAM_ERROR);
  for (std::uint8_t *to = image.pixels.data(), *end = to + image.pixels.size(); to < end; to += 3, frame += 4)
    std::memcpy(to, frame, 3);
}

}  // namespace

HostImage decode_webp(const Input& input) {
  WebPBitstreamFeatures features;
  if (const VP8StatusCode status = WebPGetFeatures(input.data(), input.size(), &features);
      status != VP8_STATUS_OK)
    fail(input, status);
  HostImage image = input.allocate(features.width, features.height);
  if (features.has_animation) input.note_first_of_several();
  features.has_animation ? read_first_frame(input, image) : read_still(input, image);
  return apply_exif_orientation(std::move(image), orientation_of(input));
}

}  // namespace peregrine::decode
