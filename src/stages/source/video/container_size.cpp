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

std::string_view text_of(const std::array<unsigned char, 8>& bytes, std::size_t first = 0) {
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()).substr(first, 4);
}

std::uint64_t chunk_length(const std::array<unsigned char, 8>& header) {
  const std::array<unsigned char, 4> size{header[7], header[6], header[5], header[4]};
  return big_endian(size.data(), size.size());
}

/// By programs that died while they recorded: nothing, or the largest size and those near it.
bool never_filled_in(std::uint64_t length) { return length == 0 || length >= 0x7fffffff; }

/// The chunks of an AVI one after another, those of its frames where its list of them states no size: up to
/// what is no chunk or does not end within the file. `visit` takes each one's name.
template <class Visit>
std::uint64_t walk_avi(ByteReader& bytes, std::uint64_t present, Visit visit) {
  constexpr std::uint64_t first_chunk = 12, list_header = 12;
  std::uint64_t offset = first_chunk;
  while (offset <= present) {
    const auto header = bytes.at<8>(offset);
    if (!header && offset < present) return offset + 8;
    if (!header || !std::ranges::all_of(text_of(*header), [](char c) { return c >= ' ' && c <= '~'; })) break;
    visit(text_of(*header));
    const auto list = text_of(*header) == "LIST" ? bytes.at<8>(offset + 4) : std::nullopt;
    const bool open = list && never_filled_in(chunk_length(*header)) && text_of(*list, 4) == "movi";
    const std::uint64_t length = open ? list_header : 8 + chunk_length(*header);
    if (offset + length > present) return offset + length;
    offset += length + length % 2;
  }
  return std::min(offset, present);
}

/// One RIFF chunk, or of a large AVI (OpenDML) several, up to one that does not end within the file.
std::uint64_t size_of_riff(ByteReader& bytes, std::uint64_t present) {
  std::uint64_t end = 0;
  for (std::uint64_t offset = 0; end <= present;) {
    const auto header = bytes.at<8>(offset);
    if (!header || text_of(*header) != "RIFF") return end;
    const std::uint64_t length = chunk_length(*header);
    if (never_filled_in(length)) return walk_avi(bytes, present, [](std::string_view) {});
    end = offset + 8 + length;
    offset = end + length % 2;  // chunks begin at even places
  }
  return end;
}

constexpr std::array<std::string_view, 14> boxes = {"ftyp", "moov", "mdat", "moof", "free", "skip", "wide",
                                                    "sidx", "styp", "mfra", "uuid", "meta", "pnot", "emsg"};

/// Box after box, up to one that does not end within the file.
std::uint64_t size_of_mp4(ByteReader& bytes, std::uint64_t present) {
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

/// Up to `most` bytes of the beginning.
std::string beginning(const std::filesystem::path& file, std::size_t most) {
  std::string text(most, '\0');
  std::ifstream stream(file, std::ios::binary);
  stream.read(text.data(), static_cast<std::streamsize>(most));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

/// Of a container: those that look like words ("RIFF", "free") have numbers beside them, so that text which
/// begins with such a word is told apart from them. Four bytes may be a word alone.
constexpr std::size_t head_length = 64, word_length = 4;

bool is_text(std::string_view head) {
  const auto control = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < ' ' && !(byte >= '\t' && byte <= '\r')) || byte == 0x7f;
  };
  return head.size() > word_length && std::ranges::none_of(head, control);
}

/// Whether `head` has `word` at a place, as far as it reaches: a file may be cut within. A letter or two tell
/// nothing.
bool has(std::string_view head, std::size_t place, std::string_view word) {
  if (head.size() <= place) return false;
  const std::string_view there = head.substr(place, word.size());
  const bool letters = place == 0 && word.front() > ' ' && word.front() <= '~';
  return word.starts_with(there) && (!letters || there.size() > 2);
}

bool begins_as_mp4(std::string_view head) {
  constexpr std::size_t type = 4;
  if (head.size() <= type) return head.starts_with(std::string_view("\0\0", 2));  // the size of the first box
  return std::ranges::any_of(boxes, [&](std::string_view box) { return has(head, type, box); });
}

/// A packet of a transport stream that begins with one of its tables, or with a piece of video or sound.
bool begins_as_packet(std::string_view packet) {
  constexpr std::size_t header = 4;
  const auto byte = [&](std::size_t place) {
    return place < packet.size() ? static_cast<unsigned char>(packet[place]) : 0u;
  };
  const bool damaged = byte(1) & 0x80, begins = byte(1) & 0x40;
  const unsigned stream = (byte(1) & 0x1f) << 8 | byte(2), scrambled = byte(3) & 0xc0;
  const bool adaptation = byte(3) & 0x20, payload = byte(3) & 0x10;
  if (packet.size() < 3 || byte(0) != 0x47 || damaged || !begins) return false;
  if (packet.size() > 3 && (scrambled || !payload)) return false;
  if (stream <= 1 || (stream >= 0x10 && stream <= 0x14)) return true;  // where DVB has its tables
  const std::size_t place = header + (adaptation ? 1 + byte(header) : 0);
  return packet.size() >= place + 3 && packet.substr(place, 3) == std::string_view("\0\0\1", 3);
}

/// Each packet begins with 0x47; of what ends within its second or third one, the first is looked into.
bool is_transport_stream(std::string_view head, std::size_t first, std::size_t step) {
  const auto sync = [&](std::size_t packet) { return head.at(first + packet * step) == 0x47; };
  const std::size_t packets = head.size() > first ? (head.size() - first - 1) / step + 1 : 0;
  if (packets == 0 || !sync(0) || (packets > 1 && !sync(1)) || (packets > 2 && !sync(2))) return false;
  return packets > 2 || begins_as_packet(head.substr(first, step));
}

}  // namespace

ContainerSize container_size(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) return {};
  ContainerSize size{.present = std::filesystem::file_size(file, error)};
  if (error) return {};
  ByteReader bytes(file);
  const auto start = bytes.at<8>(0);
  const std::string head = beginning(file, head_length);
  if (!start || is_text(head)) return size;
  const std::string_view text(reinterpret_cast<const char*>(start->data()), start->size());
  if (text.starts_with("\x1A\x45\xDF\xA3"))
    size.stated = size_of_matroska(bytes);
  else if (text.starts_with("RIFF") && (head.size() <= 8 || has(head, 8, "AVI "))) {
    size.avi = true;
    size.stated = size_of_riff(bytes, size.present);
    walk_avi(bytes, size.present, [&](std::string_view name) { size.has_index |= name == "idx1"; });
  } else
    size.stated = size_of_mp4(bytes, size.present);
  return size;
}

std::string ContainerSize::sentence() const {
  return "it has " + std::to_string(present) + " of the " + std::to_string(stated) +
         " bytes that its container states";
}

bool begins_as_video(const std::filesystem::path& file) {
  using namespace std::string_view_literals;
  constexpr std::array starts = {"\x1a\x45\xdf\xa3"sv, "FLV\x01"sv,          "OggS\0"sv,
                                 "\x30\x26\xb2\x75"sv, "\xff\xd8\xff"sv,     "DKIF\0"sv,
                                 ".RMF\0"sv,           "\x06\x0e\x2b\x34"sv, "\0\0\0\1"sv};
  constexpr std::size_t packet = 188, packet_with_time = 192;
  const std::string start = beginning(file, 3 * packet_with_time);
  const std::string_view head = start;
  if (head.empty() || is_text(head.substr(0, head_length))) return false;
  if (std::ranges::any_of(starts, [&](std::string_view word) { return has(head, 0, word); })) return true;
  // A start code; an icon has 0 behind it, too.
  if (has(head, 0, "\0\0\1"sv) && (head.size() < 4 || head[3] != 0)) return true;
  if (has(head, 0, "RIFF")) return head.size() <= 8 || has(head, 8, "AVI ");
  return begins_as_mp4(head) || is_transport_stream(head, 0, packet) ||
         is_transport_stream(head, 4, packet_with_time);
}

bool begins_with_jpeg(const std::filesystem::path& file) {
  const auto head = ByteReader(file).at<3>(0);
  return head && (*head)[0] == 0xff && (*head)[1] == 0xd8 && (*head)[2] == 0xff;
}

}  // namespace peregrine::source
