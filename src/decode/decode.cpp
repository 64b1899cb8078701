#include "decode/decode.h"

#include <array>
#include <string_view>

#include "base/trace.h"
#include "decode/input.h"
#include "peregrine/error.h"

namespace peregrine::decode {
namespace {

using Reader = HostImage (*)(const Input&);

Reader reader_for(std::string_view file) {
  if (file.starts_with("\xff\xd8\xff")) return decode_jpeg;
  if (file.starts_with("\x89PNG\r\n\x1a\n")) return decode_png;
  if (file.starts_with("BM")) return decode_bmp;
  if (file.starts_with("RIFF") && file.substr(0, 12).ends_with("WEBP")) return decode_webp;
  if (file.size() > 2 && file[0] == 'P' && file[1] >= '1' && file[1] <= '6' &&
      std::string_view(" \t\r\n#").find(file[2]) != std::string_view::npos)
    return decode_pnm;
  return nullptr;
}

/// A file that ends inside the signature of a format is a truncated picture, not an unknown thing.
bool begins_a_signature(std::string_view file) {
  constexpr std::array<std::string_view, 2> signatures = {"\xff\xd8\xff", "\x89PNG\r\n\x1a\n"};
  for (const std::string_view signature : signatures)
    if (signature.starts_with(file)) return true;
  return file.starts_with("RIFF") && file.size() < 12;
}

}  // namespace

void Input::check_size(std::int64_t width, std::int64_t height) const {
  if (width <= 0 || height <= 0) fail_corrupt("its header gives it no pixels");
  if (width > max_pixels / height)
    throw Error("image.too_large",
                name + " is " + std::to_string(width) + "x" + std::to_string(height) + " pixels: more than the limit of " +
                    std::to_string(max_pixels) + ".",
                "Scale it down, or raise the limit (--max-pixels).");
}

HostImage Input::allocate(std::int64_t width, std::int64_t height) const {
  check_size(width, height);
  return {static_cast<int>(width), static_cast<int>(height), PixelOrder::bgr,
          std::vector<std::uint8_t>(static_cast<std::size_t>(width * height * 3))};
}

void Input::fail_truncated() const {
  throw Error("image.truncated", name + " ends before its picture does.", "Copy or download it again.");
}

void Input::fail_corrupt(std::string_view why) const {
  throw Error("image.corrupt", name + " is damaged: " + std::string(why) + ".", "Copy or download it again.");
}

void Input::fail_unsupported(std::string_view why) const {
  throw Error("image.unsupported", name + " cannot be read: " + std::string(why) + ".", "Convert it to an 8-bit JPEG or PNG.");
}

HostImage decode_image(std::span<const std::byte> file, const std::string& name, std::int64_t max_pixels) {
  const trace::Range range("decode");
  if (file.empty()) throw Error("image.empty", name + " is empty.", "Copy or download it again.");
  const Input input{file, name, max_pixels};
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (const Reader read = reader_for(text)) return read(input);
  if (begins_a_signature(text)) input.fail_truncated();
  throw Error("image.unknown", name + " is not a picture that can be read.", "Give it JPEG, PNG, BMP, PPM or WebP files.");
}

}  // namespace peregrine::decode
