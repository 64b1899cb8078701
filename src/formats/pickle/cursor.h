// Reads the operands of pickle opcodes; every step is checked against the end of the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace peregrine::pickle {

class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::size_t position() const noexcept { return position_; }
  std::uint8_t byte() { return static_cast<std::uint8_t>(take(1).front()); }
  /// Unsigned little-endian integer of `width` bytes (1 to 8).
  std::uint64_t little_endian(std::size_t width);
  /// IEEE double, big-endian, as BINFLOAT has it.
  double big_endian_double();
  /// The next `count` bytes; the view lives as long as the bytes.
  std::string_view take(std::uint64_t count);
  /// A counted string: its length in `width` bytes, then its bytes.
  std::string_view counted(std::size_t width) { return take(little_endian(width)); }
  /// Up to the next newline, which is consumed and not returned.
  std::string_view line();

 private:
  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
};

}  // namespace peregrine::pickle
