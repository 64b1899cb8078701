#include "stages/source/video/container_size.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>

namespace peregrine::source {
namespace {

/// Bytes of a file, read at a place; nothing beyond its end.
class ByteReader {
 public:
  explicit ByteReader(const std::filesystem::path& file) : stream_(file, std::ios::binary) {}

  template <std::size_t Count>
  std::optional<std::array<unsigned char, Count>> at(std::uint64_t offset) {
    std::array<unsigned char, Count> bytes;
    stream_.clear();
    stream_.seekg(static_cast<std::streamoff>(offset));
    stream_.read(reinterpret_cast<char*>(bytes.data()), Count);
    if (stream_.gcount() != Count) return std::nullopt;
    return bytes;
  }

 private:
  std::ifstream stream_;
};

std::uint64_t big_endian(const unsigned char* bytes, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | bytes[i];
  return value;
}

/// An EBML number of 1 to 8 bytes, as RFC 8794 has it.
struct EbmlNumber {
  std::uint64_t value = 0;
  std::size_t length = 0;
  bool unknown = false;  ///< all bits set: a size that was not known when it was written
};

std::optional<EbmlNumber> ebml_number(ByteReader& bytes, std::uint64_t offset) {
  const auto first = bytes.at<1>(offset);
  if (!first || (*first)[0] == 0) return std::nullopt;
  EbmlNumber number{0, 1, false};
  while (!((*first)[0] & 0x80 >> (number.length - 1))) ++number.length;
  const std::uint64_t mask = (std::uint64_t{1} << 7 * number.length) - 1;
  std::array<unsigned char, 8> whole{(*first)[0]};
  for (std::size_t i = 1; i < number.length; ++i) {
    const auto next = bytes.at<1>(offset + i);
    if (!next) return std::nullopt;
    whole[i] = (*next)[0];
  }
  number.value = big_endian(whole.data(), number.length) & mask;
  number.unknown = number.value == mask;
  return number;
}

/// The EBML header, then the segment, which is the whole rest.
std::uint64_t size_of_matroska(ByteReader& bytes) {
  constexpr std::size_t id_length = 4;
  constexpr std::uint64_t segment = 0x18538067;
  const auto header = ebml_number(bytes, id_length);
  if (!header || header->unknown || header->value > 1 << 20) return 0;
  const std::uint64_t second = id_length + header->length + header->value;
  const auto id = bytes.at<id_length>(second);
  const auto size = ebml_number(bytes, second + id_length);
  if (!id || big_endian(id->data(), id_length) != segment || !size || size->unknown) return 0;
  return second + id_length + size->length + size->value;
}

/// One RIFF chunk, or of a large AVI (OpenDML) several, up to one that does not end within the file.
std::uint64_t size_of_riff(ByteReader& bytes, std::uint64_t present) {
  constexpr std::uint64_t never_filled_in =
      0x7fffffff;  // and above: by programs that died while they recorded
  std::uint64_t end = 0;
  for (std::uint64_t offset = 0; end <= present;) {
    const auto header = bytes.at<8>(offset);
    if (!header || std::string_view(reinterpret_cast<const char*>(header->data()), 4) != "RIFF") return end;
    const std::array<unsigned char, 4> size{(*header)[7], (*header)[6], (*header)[5], (*header)[4]};
    const std::uint64_t length = big_endian(size.data(), size.size());
    if (length >= never_filled_in) return 0;
    end = offset + 8 + length;
    offset = end + length % 2;  // chunks begin at even places
  }
  return end;
}

/// Box after box, up to one that does not end within the file.
std::uint64_t size_of_mp4(ByteReader& bytes, std::uint64_t present) {
  constexpr std::array<std::string_view, 14> boxes = {"ftyp", "moov", "mdat", "moof", "free", "skip", "wide",
                                                      "sidx", "styp", "mfra", "uuid", "meta", "pnot", "emsg"};
  std::uint64_t offset = 0;
  while (const auto header = bytes.at<8>(offset)) {
    const std::string_view type(reinterpret_cast<const char*>(header->data()) + 4, 4);
    if (std::ranges::find(boxes, type) == boxes.end()) return 0;  // whatever follows, it is no box
    std::uint64_t size = big_endian(header->data(), 4);
    if (size == 1) {
      const auto large = bytes.at<8>(offset + 8);
      size = large ? big_endian(large->data(), 8) : 0;
    }
    if (size < 8) return 0;  // 0: up to the end
    if (size > present - offset) return offset + size;
    offset += size;
  }
  return 0;
}

}  // namespace

ContainerSize container_size(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) return {};
  ContainerSize size{0, std::filesystem::file_size(file, error)};
  if (error) return {};
  ByteReader bytes(file);
  const auto start = bytes.at<8>(0);
  if (!start) return {};
  const std::string_view text(reinterpret_cast<const char*>(start->data()), start->size());
  if (text.starts_with("\x1A\x45\xDF\xA3"))
    size.stated = size_of_matroska(bytes);
  else if (text.starts_with("RIFF"))
    size.stated = size_of_riff(bytes, size.present);
  else
    size.stated = size_of_mp4(bytes, size.present);
  return size;
}

}  // namespace peregrine::source
