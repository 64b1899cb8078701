// Any bytes as an image: they decode or give an image error, and pixels are as many as the size says.
#include <cstdint>
#include <cstdlib>

#include "peregrine/error.h"
#include "stages/decode/decode.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::int64_t max_pixels = 1 << 18;  // quick rounds; the limit itself is part of the target
  try {
    const peregrine::HostImage image =
        peregrine::decode::decode_image(std::as_bytes(std::span(data, size)), "picture", max_pixels);
    if (image.pixels.size() != std::size_t{3} * image.width * image.height || image.pixels.empty())
      std::abort();
  } catch (const peregrine::Error& error) {
    if (!error.code().starts_with("image.")) std::abort();
  }
  return 0;
}
