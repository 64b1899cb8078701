// AVIF by libavif: still images, and the first of a sequence. As OpenCV has it, 10 and 12 bits become 8,
// alpha is dropped, and a rotation or mirroring that the container states (irot, imir) is not applied, which
// the log says.
#include <avif/avif.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "core/log.h"
#include "stages/decode/boxes.h"
#include "stages/decode/input.h"

namespace peregrine::decode {
namespace {

struct Destroy {
  void operator()(avifDecoder* decoder) const { avifDecoderDestroy(decoder); }
};

[[noreturn]] void fail(const Input& input, avifResult result) {
  if (ends_within_a_box(input)) input.fail_truncated();
  switch (result) {
    case AVIF_RESULT_TRUNCATED_DATA: input.fail_truncated();
    case AVIF_RESULT_NO_CODEC_AVAILABLE:
    case AVIF_RESULT_NOT_IMPLEMENTED:
    case AVIF_RESULT_UNSUPPORTED_DEPTH: input.fail_unsupported("an AVIF of this kind");
    default: input.fail_corrupt(std::string("libavif says: ") + avifResultToString(result));
  }
}

/// Sizes that the container states ("ispe" boxes), before libavif reads it: its own limit is none of ours.
void check_stated_sizes(const Input& input) {
  const std::string_view file(reinterpret_cast<const char*>(input.data()), input.size());
  const std::string_view head = file.substr(0, std::size_t{1} << 20);
  for (std::size_t at = head.find("ispe"); at != head.npos && at + 16 <= head.size();
       at = head.find("ispe", at + 4)) {
    const std::int64_t width = number_at(input, at + 8), height = number_at(input, at + 12);
    if (width > 0 && height > 0) input.check_size(width, height);
  }
}

struct DestroyAvifImage {
  void operator()(avifImage* image) const { avifImageDestroy(image); }
};
using Image = std::unique_ptr<avifImage, DestroyAvifImage>;

struct Plane {
  std::uint8_t* bytes;
  std::size_t pitch;
};

void cut_plane(Plane from, Plane to, std::uint32_t width, std::uint32_t height, std::uint32_t shift) {
  for (std::uint32_t y = 0; y < height; ++y)
    for (std::uint32_t x = 0; x < width; ++x) {
      std::uint16_t sample = 0;
      std::memcpy(&sample, from.bytes + y * from.pitch + std::size_t{2} * x, 2);
      to.bytes[y * to.pitch + x] = static_cast<std::uint8_t>(sample >> shift);
    }
}

/// Planes of 10 and 12 bits cut to their upper 8: before the conversion to colours, as libavif 1.x does it.
Image cut_to_eight_bits(const Input& input, const avifImage& deep) {
  Image cut(avifImageCreate(static_cast<int>(deep.width), static_cast<int>(deep.height), 8, deep.yuvFormat));
  if (!cut) throw std::bad_alloc();
  cut->yuvRange = deep.yuvRange;
  cut->matrixCoefficients = deep.matrixCoefficients;
  cut->alphaPremultiplied = deep.alphaPremultiplied;
  if (const avifResult result =
          avifImageAllocatePlanes(cut.get(), deep.alphaPlane ? AVIF_PLANES_ALL : AVIF_PLANES_YUV);
      result != AVIF_RESULT_OK)
    fail(input, result);
  const std::uint32_t shift = deep.depth - 8;
  avifPixelFormatInfo format;
  avifGetPixelFormatInfo(deep.yuvFormat, &format);
  const std::uint32_t chroma_width =
      (deep.width + static_cast<std::uint32_t>(format.chromaShiftX)) >> format.chromaShiftX;
  const std::uint32_t chroma_height =
      (deep.height + static_cast<std::uint32_t>(format.chromaShiftY)) >> format.chromaShiftY;
  for (int plane = 0; plane < AVIF_PLANE_COUNT_YUV; ++plane)
    if (deep.yuvPlanes[plane])
      cut_plane({deep.yuvPlanes[plane], deep.yuvRowBytes[plane]},
                {cut->yuvPlanes[plane], cut->yuvRowBytes[plane]},
                plane == AVIF_CHAN_Y ? deep.width : chroma_width,
                plane == AVIF_CHAN_Y ? deep.height : chroma_height, shift);
  if (deep.alphaPlane)
    cut_plane({deep.alphaPlane, deep.alphaRowBytes}, {cut->alphaPlane, cut->alphaRowBytes}, deep.width,
              deep.height, shift);
  return cut;
}

HostImage to_bgr(const Input& input, const avifImage& decoded) {
  if (decoded.depth > 8) return to_bgr(input, *cut_to_eight_bits(input, decoded));
  if (decoded.alphaPlane && !decoded.alphaPremultiplied) {
    // libavif 0.11 multiplies colours by an alpha that the output has not; OpenCV's does not.
    avifImage opaque = decoded;
    opaque.alphaPlane = nullptr;
    return to_bgr(input, opaque);
  }
  HostImage image = input.allocate(decoded.width, decoded.height);
  avifRGBImage out;
  avifRGBImageSetDefaults(&out, &decoded);
  const bool alpha = decoded.alphaPlane != nullptr;  // colours are divided by it, then it is dropped
  std::vector<std::uint8_t> with_alpha(alpha ? image.pixels.size() / 3 * 4 : 0);
  out.format = alpha ? AVIF_RGB_FORMAT_BGRA : AVIF_RGB_FORMAT_BGR;
  out.depth = 8;
  out.pixels = alpha ? with_alpha.data() : image.pixels.data();
  out.rowBytes = (alpha ? 4 : 3) * decoded.width;
  if (const avifResult result = avifImageYUVToRGB(&decoded, &out); result != AVIF_RESULT_OK)
    fail(input, result);
  for (std::size_t i = 0; i < with_alpha.size() / 4; ++i)
    std::memcpy(image.pixels.data() + 3 * i, with_alpha.data() + 4 * i, 3);
  return image;
}

}  // namespace

HostImage decode_avif(const Input& input) {
  check_stated_sizes(input);
  const std::unique_ptr<avifDecoder, Destroy> decoder(avifDecoderCreate());
  if (!decoder) throw std::bad_alloc();
  decoder->strictFlags = AVIF_STRICT_DISABLED;
  decoder->ignoreExif = decoder->ignoreXMP = AVIF_TRUE;  // orientation in EXIF means nothing in AVIF
  decoder->imageSizeLimit = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(input.max_pixels, 1, AVIF_DEFAULT_IMAGE_SIZE_LIMIT));
  avifResult result = avifDecoderSetIOMemory(decoder.get(), input.data(), input.size());
  if (result == AVIF_RESULT_OK) result = avifDecoderParse(decoder.get());
  if (result != AVIF_RESULT_OK) fail(input, result);
  input.check_size(decoder->image->width, decoder->image->height);
  result = avifDecoderNextImage(decoder.get());
  if (result != AVIF_RESULT_OK) fail(input, result);
  const avifImage& decoded = *decoder->image;
  HostImage image = to_bgr(input, decoded);
  if (decoded.transformFlags & (AVIF_TRANSFORM_IROT | AVIF_TRANSFORM_IMIR))
    log::info(input.name +
              " states a rotation or mirroring that is not applied: OpenCV does not apply it either.");
  if (decoder->imageCount > 1) input.note_first_of_several();
  return image;
}

}  // namespace peregrine::decode
