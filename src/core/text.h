// Names come from file systems and model files: any bytes. What is shown to people or put into JSON is UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace peregrine {

/// No overlong forms, no surrogates, nothing above U+10FFFF.
bool valid_utf8(std::string_view bytes);

/// The text itself where it is valid UTF-8 without control characters; each other byte becomes "\xNN".
std::string printable(std::string_view bytes);

}  // namespace peregrine
