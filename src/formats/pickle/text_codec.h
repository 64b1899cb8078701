// The ways in which pickles write text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace peregrine::pickle {

/// Python's raw-unicode-escape (opcode UNICODE) as UTF-8. Throws Error "model.pickle" on a bad escape.
std::string from_raw_unicode_escape(std::string_view line);
/// A quoted Python literal (opcode STRING) as the bytes that it means. Throws Error "model.pickle".
std::string from_literal(std::string_view line);
/// One character a byte (ISO 8859-1) as UTF-8.
std::string from_latin1(std::string_view bytes);
/// The other way round; nothing for a character that is no byte.
std::optional<std::string> to_latin1(std::string_view utf8);
/// Four bytes a character, as UTF-8, without NULs at its end; nothing where one is no character.
std::optional<std::string> from_utf32(std::string_view bytes, bool big_endian);

}  // namespace peregrine::pickle
