#include "stages/decode/orientation.h"

#include <cstdint>
#include <string_view>

namespace peregrine::decode {
namespace {

constexpr std::string_view exif_prefix{"Exif\0\0", 6};

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Reads numbers of a TIFF block in its own byte order; positions outside give 0.
class TiffBlock {
 public:
  TiffBlock(std::span<const std::byte> bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

  std::uint32_t number(std::size_t at, std::size_t length) const {
    if (at > bytes_.size() || bytes_.size() - at < length) return 0;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < length; ++i)
      value = value << 8 | std::to_integer<std::uint32_t>(bytes_[at + (big_endian_ ? i : length - 1 - i)]);
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
  bool big_endian_;
};

}  // namespace

int exif_orientation(std::span<const std::byte> block) {
  if (as_text(block).starts_with(exif_prefix)) block = block.subspan(exif_prefix.size());
  const std::string_view text = as_text(block);
  const bool big_endian = text.starts_with("MM");
  if (!big_endian && !text.starts_with("II")) return 1;
  const TiffBlock tiff(block, big_endian);
  if (tiff.number(2, 2) != 42) return 1;
  const std::size_t directory = tiff.number(4, 4);
  const std::uint32_t entries = tiff.number(directory, 2);
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + std::size_t{12} * i;
    if (entry >= block.size()) break;
    constexpr std::uint32_t orientation_tag = 0x0112;
    if (tiff.number(entry, 2) != orientation_tag) continue;
    const std::uint32_t value = tiff.number(entry + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

int jpeg_orientation(std::span<const std::byte> file) {
  const auto byte = [&](std::size_t at) { return std::to_integer<unsigned>(file[at]); };
  for (std::size_t at = 2; at + 4 <= file.size();) {
    if (byte(at) != 0xff) return 1;
    const unsigned marker = byte(at + 1);
    if (marker == 0xff) {  // fill byte
      ++at;
      continue;
    }
    if (marker == 0xda || marker == 0xd9) return 1;  // pixels begin: no EXIF
    const std::size_t length = byte(at + 2) << 8 | byte(at + 3);
    if (length < 2 || file.size() - at - 2 < length) return 1;
    const auto segment = file.subspan(at + 4, length - 2);
    if (marker == 0xe1 && as_text(segment).starts_with(exif_prefix)) return exif_orientation(segment);
    at += 2 + length;
  }
  return 1;
}

}  // namespace peregrine::decode
