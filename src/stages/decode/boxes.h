// Boxes of ISO files (AVIF, JP2): a length, four letters, contents. Private to src/stages/decode.
#pragma once

#include "stages/decode/input.h"

namespace peregrine::decode {

inline std::int64_t number_at(const Input& input, std::size_t at) {
  const std::uint8_t* p = input.data() + at;
  return std::int64_t{p[0]} << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/// Whether the last box states more bytes than the file has left.
inline bool ends_within_a_box(const Input& input) {
  std::size_t at = 0;
  while (input.size() - at >= 8) {
    const auto size = static_cast<std::size_t>(number_at(input, at));
    if (size < 8) return false;  // to the end of the file, or a length in eight bytes
    if (size > input.size() - at) return true;
    at += size;
  }
  return at != input.size();
}

}  // namespace peregrine::decode
