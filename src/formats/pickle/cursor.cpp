#include "formats/pickle/cursor.h"

#include <bit>

#include "peregrine/error.h"

namespace peregrine::pickle {

std::string_view Cursor::take(std::uint64_t count) {
  if (count > bytes_.size() - position_)
    throw Error("model.truncated", "the pickle ends in the middle of a value",
                "The file is incomplete; copy it again.");
  const std::string_view view(reinterpret_cast<const char*>(bytes_.data()) + position_,
                              static_cast<std::size_t>(count));
  position_ += view.size();
  return view;
}

std::uint64_t Cursor::little_endian(std::size_t width) {
  const std::string_view digits = take(width);
  std::uint64_t value = 0;
  for (std::size_t i = width; i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(digits[i]);
  return value;
}

double Cursor::big_endian_double() {
  std::uint64_t bits = 0;
  for (const char digit : take(8)) bits = bits << 8 | static_cast<std::uint8_t>(digit);
  return std::bit_cast<double>(bits);
}

std::string_view Cursor::line() {
  const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + position_,
                              bytes_.size() - position_);
  const std::size_t length = rest.find('\n');
  const std::string_view line = take(length == std::string_view::npos ? rest.size() + 1 : length);
  ++position_;
  return line;
}

}  // namespace peregrine::pickle
