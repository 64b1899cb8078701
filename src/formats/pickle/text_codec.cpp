#include "formats/pickle/text_codec.h"

#include <charconv>
#include <cstdint>

#include "peregrine/error.h"

namespace peregrine::pickle {

namespace {

[[noreturn]] void fail(const char* what) { throw Error("model.pickle", what, "The file is damaged."); }

void append_utf8(std::string& out, std::uint32_t code) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    tail(6), tail(0);
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    tail(12), tail(6), tail(0);
  }
}

bool is_scalar(std::uint32_t code) { return code < 0xd800 || (code >= 0xe000 && code < 0x110000); }

/// Takes `count` hexadecimal digits off the front.
std::uint32_t take_hex(std::string_view& text, std::size_t count) {
  std::uint32_t value = 0;
  if (text.size() < count ||
      std::from_chars(text.data(), text.data() + count, value, 16).ptr != text.data() + count)
    fail("the pickle has text with a bad escape");
  text.remove_prefix(count);
  return value;
}

char take_escape(std::string_view& text) {
  const char kind = text.front();
  text.remove_prefix(1);
  switch (kind) {
    case '\\':
    case '\'':
    case '"': return kind;
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case 'x': return static_cast<char>(take_hex(text, 2));
    default: fail("the pickle has text with an unknown escape");
  }
}

}  // namespace

std::string from_raw_unicode_escape(std::string_view line) {
  std::string out;
  while (!line.empty()) {
    const char first = line.front();
    const bool escape = first == '\\' && line.size() > 1 && (line[1] == 'u' || line[1] == 'U');
    if (!escape) {
      append_utf8(out, static_cast<std::uint8_t>(first));
      line.remove_prefix(1);
      continue;
    }
    const std::size_t digits = line[1] == 'u' ? 4 : 8;
    line.remove_prefix(2);
    const std::uint32_t code = take_hex(line, digits);
    if (!is_scalar(code)) fail("the pickle has text that is not Unicode");
    append_utf8(out, code);
  }
  return out;
}

std::string from_literal(std::string_view line) {
  if (line.size() < 2 || line.front() != line.back() || (line.front() != '\'' && line.front() != '"'))
    fail("the pickle has a string without quotes");
  line = line.substr(1, line.size() - 2);
  std::string out;
  while (!line.empty()) {
    const char first = line.front();
    line.remove_prefix(1);
    if (first == '\\' && line.empty()) fail("the pickle has text with a bad escape");
    out += first == '\\' ? take_escape(line) : first;
  }
  return out;
}

std::string from_latin1(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) append_utf8(out, static_cast<std::uint8_t>(byte));
  return out;
}

std::optional<std::string> to_latin1(std::string_view utf8) {
  std::string out;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto lead = static_cast<std::uint8_t>(utf8[i]);
    if (lead < 0x80) {
      out += utf8[i];
      continue;
    }
    if (lead > 0xc3 || i + 1 == utf8.size()) return std::nullopt;
    out += static_cast<char>((lead & 3) << 6 | (static_cast<std::uint8_t>(utf8[++i]) & 0x3f));
  }
  return out;
}

std::optional<std::string> from_utf32(std::string_view bytes, bool big_endian) {
  std::string out;
  std::size_t whole = 0;  // up to the last character that is no NUL
  for (std::size_t at = 0; at + 4 <= bytes.size(); at += 4) {
    std::uint32_t code = 0;
    for (std::size_t i = 0; i < 4; ++i)
      code = code << 8 | static_cast<std::uint8_t>(bytes[at + (big_endian ? i : 3 - i)]);
    if (!is_scalar(code)) return std::nullopt;
    append_utf8(out, code);
    if (code != 0) whole = out.size();
  }
  out.resize(whole);
  return out;
}

}  // namespace peregrine::pickle
