// PBM, PGM and PPM, text and binary (P1 to P6); values as OpenCV spreads them.
#include <algorithm>
#include <cstring>

#include "stages/decode/input.h"

namespace peregrine::decode {
namespace {

constexpr bool is_space(std::uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

class PnmReader {
 public:
  explicit PnmReader(const Input& input) : input_(input) {}

  HostImage read() {
    const int kind = input_.data()[1] - '0';
    binary_ = kind > 3;
    bitmap_ = kind == 1 || kind == 4;
    channels_ = kind == 3 || kind == 6 ? 3 : 1;
    const std::int64_t width = number(), height = number();
    most_ = bitmap_ ? 1 : number();
    input_.check_size(width, height);
    if (most_ < 1 || most_ > 65535) input_.fail_corrupt("its greatest value is not within 1 and 65535");
    if (binary_ && !is_space(next())) input_.fail_corrupt("its header does not end in white space");
    check_length(width, height);
    HostImage image = input_.allocate(width, height);
    for (std::uint8_t* row = image.pixels.data();
         height > 0 && row < image.pixels.data() + image.pixels.size(); row += width * 3)
      read_row(row, width);
    return image;
  }

 private:
  std::uint8_t next() {
    if (at_ == input_.size()) input_.fail_truncated();
    return input_.data()[at_++];
  }

  void skip_space_and_comments() {
    for (; at_ < input_.size(); ++at_) {
      if (input_.data()[at_] == '#')
        while (at_ < input_.size() && input_.data()[at_] != '\n') ++at_;
      else if (!is_space(input_.data()[at_]))
        return;
    }
    input_.fail_truncated();
  }

  std::int64_t number() {
    skip_space_and_comments();
    std::int64_t value = 0;
    const std::size_t first = at_;
    for (; at_ < input_.size() && input_.data()[at_] >= '0' && input_.data()[at_] <= '9'; ++at_) {
      value = value * 10 + (input_.data()[at_] - '0');
      if (value > INT32_MAX) input_.fail_corrupt("a number in it is too large");
    }
    if (at_ == first) input_.fail_corrupt("a number is missing");
    return value;
  }

  std::int64_t bytes_of_row(std::int64_t width) const {
    return bitmap_ ? (width + 7) / 8 : width * channels_ * (most_ > 255 ? 2 : 1);
  }

  /// Before memory is spent. A text value takes a character at least, a second to part it from the next.
  void check_length(std::int64_t width, std::int64_t height) const {
    const std::int64_t left = static_cast<std::int64_t>(input_.size() - at_);
    const std::int64_t needed = binary_   ? bytes_of_row(width) * height
                                : bitmap_ ? width * height
                                          : width * height * channels_ * 2 - 1;
    if (left < needed) input_.fail_truncated();
  }

  void read_row(std::uint8_t* bgr, std::int64_t width) {
    const std::uint8_t* raw = input_.data() + at_;
    if (binary_) at_ += static_cast<std::size_t>(bytes_of_row(width));
    for (std::int64_t x = 0; x < width; ++x, bgr += 3) {
      for (int channel = 0; channel < channels_; ++channel)
        bgr[channels_ == 3 ? 2 - channel : 0] =
            binary_ ? binary_value(raw, x * channels_ + channel) : text_value();
      if (channels_ == 1) bgr[1] = bgr[2] = bgr[0];
    }
  }

  /// OpenCV takes binary values as they are, whatever the greatest one; of two bytes the upper.
  std::uint8_t binary_value(const std::uint8_t* row, std::int64_t i) const {
    if (bitmap_) return row[i / 8] >> (7 - i % 8) & 1 ? 0 : 255;
    return row[most_ > 255 ? 2 * i : i];
  }

  /// Text values are spread to 255 below a greatest value of 256, and cut to the upper byte above.
  std::uint8_t text_value() {
    if (bitmap_) {  // digits need no space between them
      skip_space_and_comments();
      const std::uint8_t digit = next();
      if (digit != '0' && digit != '1') input_.fail_corrupt("a bit is neither 0 nor 1");
      return digit == '1' ? 0 : 255;
    }
    const std::int64_t value = std::min(number(), most_);
    return static_cast<std::uint8_t>(most_ > 255 ? value >> 8 : value * 255 / most_);
  }

  const Input& input_;
  std::size_t at_ = 2;
  bool binary_ = false, bitmap_ = false;
  int channels_ = 1;
  std::int64_t most_ = 0;
};

}  // namespace

HostImage decode_pnm(const Input& input) { return PnmReader(input).read(); }

}  // namespace peregrine::decode
