// The three ways in which pickles write text.
#pragma once

#include <string>
#include <string_view>

namespace peregrine::pickle {

/// Python's raw-unicode-escape (opcode UNICODE) as UTF-8. Throws Error "model.pickle" on a bad escape.
std::string from_raw_unicode_escape(std::string_view line);
/// A quoted Python literal (opcode STRING) as the bytes that it means. Throws Error "model.pickle".
std::string from_literal(std::string_view line);
/// One character a byte (ISO 8859-1) as UTF-8.
std::string from_latin1(std::string_view bytes);

}  // namespace peregrine::pickle
