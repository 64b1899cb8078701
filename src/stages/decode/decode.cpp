#include "stages/decode/decode.h"

#include <array>
#include <string_view>

#include "core/image_format.h"
#include "core/log.h"
#include "core/trace.h"
#include "peregrine/error.h"
#include "stages/decode/input.h"

namespace peregrine::decode {
namespace {

HostImage decode_as(ImageFormat format, const Input& input) {
  switch (format) {
    case ImageFormat::jpeg: return decode_jpeg(input);
    case ImageFormat::png: return decode_png(input);
    case ImageFormat::bmp: return decode_bmp(input);
    case ImageFormat::pnm: return decode_pnm(input);
    case ImageFormat::webp: return decode_webp(input);
    case ImageFormat::tiff: return decode_tiff(input);
    case ImageFormat::gif: return decode_gif(input);
    case ImageFormat::avif: return decode_avif(input);
    case ImageFormat::jpeg2000: return decode_jpeg2000(input);
    case ImageFormat::refused:
    case ImageFormat::unknown: break;
  }
  throw Error("image.unknown", input.name + " is not an image that can be read.",
              "Give it JPEG, PNG, TIFF, WebP, BMP, PNM, GIF, AVIF or JPEG 2000 files.");
}

constexpr std::string_view tga_end{"TRUEVISION-XFILE.\0", 18};

/// A file that ends inside the signature of a format is a truncated image, not an unknown thing.
bool begins_a_signature(std::string_view file) {
  using namespace std::string_view_literals;
  constexpr std::array signatures = {
      "\xff\xd8\xff"sv, "\x89PNG\r\n\x1a\n"sv,        "GIF89a"sv,          "GIF87a"sv, "II*\0"sv,
      "MM\0*"sv,        "\0\0\0\x0cjP  \r\n\x87\n"sv, "\xff\x4f\xff\x51"sv};
  for (const std::string_view signature : signatures)
    if (signature.starts_with(file)) return true;
  return file.starts_with("RIFF") && file.size() < 12;
}

}  // namespace

void Input::check_size(std::int64_t width, std::int64_t height) const {
  if (width <= 0 || height <= 0) fail_corrupt("its header gives it no pixels");
  if (width > max_pixels / height)
    throw Error("image.too_large",
                name + " is " + std::to_string(width) + "x" + std::to_string(height) +
                    " pixels: more than the limit of " + std::to_string(max_pixels) + ".",
                "Scale it down, or raise the limit (--max-pixels).");
}

HostImage Input::allocate(std::int64_t width, std::int64_t height) const {
  check_size(width, height);
  return {static_cast<int>(width), static_cast<int>(height), PixelOrder::bgr,
          std::vector<std::uint8_t>(static_cast<std::size_t>(width * height * 3))};
}

void Input::note_first_of_several() const { log::info(name + " holds several images: the first is read."); }

void Input::fail_truncated() const {
  throw Error("image.truncated", name + " ends before its image does.", "Copy or download it again.");
}

void Input::fail_corrupt(std::string_view why) const {
  throw Error("image.corrupt", name + " is damaged: " + std::string(why) + ".", "Copy or download it again.");
}

void Input::fail_unsupported(std::string_view why) const {
  throw Error("image.unsupported", name + " cannot be read: " + std::string(why) + ".",
              "Convert it to an 8-bit JPEG or PNG.");
}

HostImage decode_image(std::span<const std::byte> file, const std::string& name, std::int64_t max_pixels) {
  const trace::Range range("decode");
  if (file.empty()) throw Error("image.empty", name + " is empty.", "Copy or download it again.");
  const Input input{file, name, max_pixels};
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  const FormatName format = image_format(text.substr(0, format_head_bytes));
  if (format.format == ImageFormat::refused)
    input.fail_unsupported(std::string(format.name) + " is not read");
  if (text.ends_with(tga_end)) input.fail_unsupported("TGA is not read");
  if (format.format == ImageFormat::unknown && begins_a_signature(text)) input.fail_truncated();
  return decode_as(format.format, input);
}

}  // namespace peregrine::decode
