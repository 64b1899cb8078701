// BMP: OS/2 and Windows headers, 1 to 32 bits, run lengths, bit masks; values as OpenCV spreads them.
#include <array>
#include <bit>
#include <cstring>

#include "stages/decode/input.h"

namespace peregrine::decode {
namespace {

using Bgr = std::array<std::uint8_t, 3>;

enum Compression : std::uint32_t { rgb = 0, rle8 = 1, rle4 = 2, bitfields = 3 };

struct Header {
  std::int64_t width = 0, height = 0;
  bool top_down = false;
  unsigned bits = 0;
  std::uint32_t compression = rgb;
  std::size_t pixels = 0;  ///< where they begin in the file
  std::array<Bgr, 256> palette{};
  std::array<std::uint32_t, 3> masks{};  ///< of blue, green, red
};

class BmpReader {
 public:
  explicit BmpReader(const Input& input) : input_(input) {}

  HostImage read() {
    read_header();
    image_ = input_.allocate(header_.width, header_.height);
    if (header_.compression == rle8 || header_.compression == rle4) {
      read_run_lengths();
    } else {
      const std::size_t pitch = (static_cast<std::size_t>(header_.width) * header_.bits + 31) / 32 * 4;
      for (int y = 0; y < image_.height; ++y)
        read_row(y, header_.pixels + pitch * static_cast<std::size_t>(y));
    }
    return std::move(image_);
  }

 private:
  std::uint32_t number(std::size_t at, std::size_t length) const {
    if (at > input_.size() || input_.size() - at < length) input_.fail_truncated();
    std::uint32_t value = 0;
    for (std::size_t i = length; i-- > 0;) value = value << 8 | input_.data()[at + i];
    return value;
  }
  std::uint8_t byte(std::size_t at) const { return static_cast<std::uint8_t>(number(at, 1)); }

  void read_header() {
    constexpr std::size_t file_header = 14;
    header_.pixels = number(10, 4);
    const std::uint32_t size = number(file_header, 4);
    std::uint32_t colours = 0;
    if (size == 12) {
      header_.width = number(18, 2);
      header_.height = number(20, 2);
      header_.bits = number(24, 2);
    } else if (size >= 36) {
      header_.width = static_cast<std::int32_t>(number(18, 4));
      header_.height = static_cast<std::int32_t>(number(22, 4));
      header_.bits = number(28, 2);
      header_.compression = number(30, 4);
      colours = number(46, 4);
    } else {
      input_.fail_corrupt("its BMP header has no known size");
    }
    header_.top_down = header_.height < 0;
    if (header_.top_down) header_.height = -header_.height;
    input_.check_size(header_.width, header_.height);
    check_depth();
    if (header_.bits <= 8) read_palette(file_header + size, colours, size == 12 ? 3 : 4);
    choose_masks(size);
    check_length();
  }

  void check_depth() const {
    const unsigned bits = header_.bits;
    const bool known = header_.compression == rgb
                           ? bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32
                       : header_.compression == rle8      ? bits == 8
                       : header_.compression == rle4      ? bits == 4
                       : header_.compression == bitfields ? bits == 16 || bits == 32
                                                          : false;
    if (!known)
      input_.fail_unsupported("a BMP of " + std::to_string(bits) + " bits and compression " +
                              std::to_string(header_.compression));
  }

  void read_palette(std::size_t at, std::uint32_t colours, std::size_t stride) {
    if (colours > 256) input_.fail_corrupt("its palette has more than 256 colours");
    const std::size_t count = colours ? colours : std::size_t{1} << header_.bits;
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t channel = 0; channel < 3; ++channel)
        header_.palette[i][channel] = byte(at + i * stride + channel);
  }

  /// OpenCV heeds the masks of 32-bit pixels only where the header itself holds them.
  void choose_masks(std::uint32_t size) {
    if (header_.bits == 16) header_.masks = {0x1f, 0x3e0, 0x7c00};
    if (header_.bits == 32) header_.masks = {0xff, 0xff00, 0xff0000};
    if (header_.compression != bitfields || (header_.bits == 32 && size < 56)) return;
    const std::array<std::uint32_t, 3> stated = {number(62, 4), number(58, 4), number(54, 4)};
    if (stated[0] && stated[1] && stated[2]) header_.masks = stated;
    const bool known16 =
        header_.masks[0] == 0x1f && ((header_.masks[1] == 0x3e0 && header_.masks[2] == 0x7c00) ||
                                     (header_.masks[1] == 0x7e0 && header_.masks[2] == 0xf800));
    if (header_.bits == 16 && !known16)
      input_.fail_unsupported("a 16-bit BMP whose masks are neither 555 nor 565");
  }

  /// Before memory is spent. Run lengths may be as short as they like: theirs shows in reading.
  void check_length() const {
    if (header_.compression == rle8 || header_.compression == rle4) return;
    const std::int64_t pitch = (header_.width * header_.bits + 31) / 32 * 4;
    const std::int64_t end = static_cast<std::int64_t>(header_.pixels) + pitch * header_.height;
    if (end > static_cast<std::int64_t>(input_.size())) input_.fail_truncated();
  }

  std::uint8_t* row_of(std::int64_t y) {
    const std::int64_t row = header_.top_down ? y : header_.height - 1 - y;
    return image_.pixels.data() + row * header_.width * 3;
  }

  void read_row(int y, std::size_t at) {
    const std::uint8_t* from = input_.data() + at;
    std::uint8_t* to = row_of(y);
    if (header_.bits == 24) {
      std::memcpy(to, from, static_cast<std::size_t>(header_.width) * 3);
      return;
    }
    for (std::int64_t x = 0; x < header_.width; ++x, to += 3) {
      const Bgr pixel = header_.bits <= 8 ? header_.palette[indexed(from, x)] : masked(from, x);
      std::memcpy(to, pixel.data(), 3);
    }
  }

  unsigned indexed(const std::uint8_t* row, std::int64_t x) const {
    const std::int64_t bit = x * header_.bits;
    return row[bit / 8] >> (8 - header_.bits - bit % 8) & ((1u << header_.bits) - 1);
  }

  /// 16-bit values are shifted up, those of 32-bit pixels scaled to 255 and cut.
  Bgr masked(const std::uint8_t* row, std::int64_t x) const {
    const std::uint8_t* p = row + x * (header_.bits / 8);
    const std::uint32_t value =
        header_.bits == 16 ? p[0] | p[1] << 8 : p[0] | p[1] << 8 | p[2] << 16 | std::uint32_t{p[3]} << 24;
    Bgr pixel;
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const std::uint32_t mask = header_.masks[channel];
      const int shift = std::countr_zero(mask);
      const std::uint32_t part = (value & mask) >> shift, most = mask >> shift;
      pixel[channel] =
          header_.bits == 16
              ? static_cast<std::uint8_t>(part << (8 - std::bit_width(most)))
              : static_cast<std::uint8_t>(static_cast<float>(part) * (255.f / static_cast<float>(most)));
    }
    return pixel;
  }

  void put(std::int64_t x, std::int64_t y, unsigned index) {
    if (x >= header_.width || y >= header_.height) input_.fail_corrupt("a run of pixels leaves the image");
    std::memcpy(row_of(y) + x * 3, header_.palette[index].data(), 3);
  }

  /// Pixels that the runs skip have the palette's first colour.
  void read_run_lengths() {
    for (std::int64_t y = 0; y < header_.height; ++y)
      for (std::int64_t x = 0; x < header_.width; ++x) put(x, y, 0);
    const unsigned bits = header_.bits;
    const auto nibble_or_byte = [&](unsigned byte, std::size_t i) {
      return bits == 8 ? byte : i % 2 == 0 ? byte >> 4 : byte & 15u;
    };
    std::int64_t x = 0, y = 0;
    std::size_t at = header_.pixels;
    while (y < header_.height) {
      if (y == header_.height - 1 && x == header_.width && at >= input_.size())
        return;  // the end mark is missing, no pixel
      const unsigned count = byte(at), code = byte(at + 1);
      at += 2;
      if (count > 0) {
        for (std::size_t i = 0; i < count; ++i) put(x++, y, nibble_or_byte(code, i));
      } else if (code == 0) {
        x = 0;
        ++y;
      } else if (code == 1) {
        return;
      } else if (code == 2) {
        x += byte(at);
        y += byte(at + 1);
        at += 2;
      } else {
        for (std::size_t i = 0; i < code; ++i) put(x++, y, nibble_or_byte(byte(at + i * bits / 8), i));
        at +=
            (std::size_t{code} * bits / 8 + (bits == 4 && code % 2) + 1) / 2 * 2;  // runs end on whole words
      }
    }
  }

  const Input& input_;
  Header header_;
  HostImage image_;
};

}  // namespace

HostImage decode_bmp(const Input& input) { return BmpReader(input).read(); }

}  // namespace peregrine::decode
