// The input of every format's reader, and its errors. Private to src/stages/decode.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "peregrine/image.h"

namespace peregrine::decode {

struct Input {
  std::span<const std::byte> bytes;
  const std::string& name;
  std::int64_t max_pixels;

  const std::uint8_t* data() const { return reinterpret_cast<const std::uint8_t*>(bytes.data()); }
  std::size_t size() const { return bytes.size(); }

  /// A black image of this size; Error "image.too_large" above the limit, "image.corrupt" if a side is not
  /// positive.
  HostImage allocate(std::int64_t width, std::int64_t height) const;
  /// The check alone, for readers that allocate later.
  void check_size(std::int64_t width, std::int64_t height) const;

  /// Says in the log that the file holds several images, of which this is the first.
  void note_first_of_several() const;

  [[noreturn]] void fail_truncated() const;
  /// `why`: a clause without a full stop.
  [[noreturn]] void fail_corrupt(std::string_view why) const;
  [[noreturn]] void fail_unsupported(std::string_view why) const;
};

HostImage decode_jpeg(const Input& input);
HostImage decode_png(const Input& input);
HostImage decode_bmp(const Input& input);
HostImage decode_pnm(const Input& input);
HostImage decode_webp(const Input& input);
// Where PEREGRINE_FORMATS is off these refuse their format by name.
HostImage decode_tiff(const Input& input);
HostImage decode_gif(const Input& input);
HostImage decode_avif(const Input& input);
HostImage decode_jpeg2000(const Input& input);

}  // namespace peregrine::decode
