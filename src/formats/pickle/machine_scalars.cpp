// The opcodes that push numbers and text.
#include <charconv>
#include <string>

#include "core/text.h"
#include "formats/pickle/machine.h"
#include "formats/pickle/opcodes.h"
#include "formats/pickle/text_codec.h"
#include "peregrine/error.h"

namespace peregrine::pickle {

namespace {

[[noreturn]] void fail(const char* what) {
  throw Error("model.pickle", what, "The file is damaged or no checkpoint.");
}

/// The whole of `text` as a number; nothing if it is none or does not fit.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool all_digits(std::string_view text) {
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

bool Machine::scalar(std::uint8_t code) {
  switch (code) {
    case op::none: push({}); return true;
    case op::newtrue: push(true); return true;
    case op::newfalse: push(false); return true;
    case op::binint: push(std::int64_t{static_cast<std::int32_t>(cursor_.little_endian(4))}); return true;
    case op::binint1: push(std::int64_t{cursor_.byte()}); return true;
    case op::binint2: push(static_cast<std::int64_t>(cursor_.little_endian(2))); return true;
    case op::long1: push_long_bytes(cursor_.counted(1)); return true;
    case op::long4: push_long_bytes(cursor_.counted(4)); return true;
    case op::binfloat: push(cursor_.big_endian_double()); return true;
    case op::int_line: push_integer_line(); return true;
    case op::long_line: push_long_line(); return true;
    case op::float_line: push_float_line(); return true;
    default: return false;
  }
}

bool Machine::string(std::uint8_t code) {
  switch (code) {
    case op::unicode_line: push_text(from_raw_unicode_escape(cursor_.line())); return true;
    case op::binunicode: push_text(cursor_.counted(4)); return true;
    case op::short_binunicode: push_text(cursor_.counted(1)); return true;
    case op::binunicode8: push_text(cursor_.counted(8)); return true;
    case op::string_line: push_text_or_bytes(from_literal(cursor_.line())); return true;
    case op::binstring: push_text_or_bytes(std::string(cursor_.counted(4))); return true;
    case op::short_binstring: push_text_or_bytes(std::string(cursor_.counted(1))); return true;
    case op::binbytes: push_node(Bytes{std::string(cursor_.counted(4))}); return true;
    case op::short_binbytes: push_node(Bytes{std::string(cursor_.counted(1))}); return true;
    case op::binbytes8:
    case op::bytearray8: push_node(Bytes{std::string(cursor_.counted(8))}); return true;
    default: return false;
  }
}

void Machine::push_integer_line() {
  const std::string_view line = cursor_.line();
  if (line == "00" || line == "01") return push(line == "01");  // protocol 0 spells bools so
  const auto value = parse_number<std::int64_t>(line);
  if (!value) fail("the pickle has an integer that is none");
  push(*value);
}

void Machine::push_long_line() {
  std::string_view line = cursor_.line();
  if (!line.empty() && line.back() == 'L') line.remove_suffix(1);
  if (const auto value = parse_number<std::int64_t>(line)) return push(*value);
  if (!all_digits(line)) fail("the pickle has an integer that is none");
  push_node(BigInteger{std::string(line)});
}

void Machine::push_float_line() {
  const auto value = parse_number<double>(cursor_.line());
  if (!value) fail("the pickle has a number that is none");
  push(*value);
}

/// Two's complement, little-endian, as few bytes as hold it.
void Machine::push_long_bytes(std::string_view bytes) {
  if (bytes.size() > 8) {
    constexpr const char* digits = "0123456789abcdef";
    std::string hex = "0x";
    for (std::size_t i = bytes.size(); i-- > 0;) {
      hex += digits[static_cast<std::uint8_t>(bytes[i]) >> 4];
      hex += digits[static_cast<std::uint8_t>(bytes[i]) & 15];
    }
    return push_node(BigInteger{std::move(hex)});
  }
  const bool negative = !bytes.empty() && (static_cast<std::uint8_t>(bytes.back()) & 0x80) != 0;
  std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
  push(static_cast<std::int64_t>(value));
}

void Machine::push_text(std::string_view utf8) {
  if (!valid_utf8(utf8)) fail("the pickle has text that is not UTF-8");
  push_node(Text{std::string(utf8)});
}

/// Python 2 did not tell text from bytes.
void Machine::push_text_or_bytes(std::string bytes) {
  if (valid_utf8(bytes))
    push_node(Text{std::move(bytes)});
  else
    push_node(Bytes{std::move(bytes)});
}

}  // namespace peregrine::pickle
