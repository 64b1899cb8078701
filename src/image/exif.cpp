#include "image/exif.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

namespace peregrine {
namespace {

/// Source pixel of destination (x, y): origin + x * step_x + y * step_y, in pixels.
struct ExifReader {
  std::ptrdiff_t origin, step_x, step_y;
};

ExifReader walk_for(int orientation, std::ptrdiff_t width, std::ptrdiff_t height) {
  const std::ptrdiff_t right = width - 1, bottom = (height - 1) * width;
  switch (orientation) {
    case 2: return {right, -1, width};            // mirrored
    case 3: return {bottom + right, -1, -width};  // upside down
    case 4: return {bottom, 1, -width};           // mirrored upside down
    case 5: return {0, width, 1};                 // transposed
    case 6: return {bottom, -width, 1};           // quarter turn clockwise
    case 7: return {bottom + right, -width, -1};  // transposed along the other diagonal
    case 8: return {right, width, -1};            // quarter turn anticlockwise
    default: return {0, 1, width};
  }
}

}  // namespace

HostImage apply_exif_orientation(HostImage image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  const ExifReader walk = walk_for(orientation, image.width, image.height);
  HostImage turned{image.width, image.height, image.order, std::vector<std::uint8_t>(image.pixels.size())};
  if (orientation >= 5) std::swap(turned.width, turned.height);
  constexpr int tile = 64;  // keeps the source rows of a quarter turn in the cache
  for (int top = 0; top < turned.height; top += tile)
    for (int left = 0; left < turned.width; left += tile)
      for (int y = top; y < std::min(top + tile, turned.height); ++y) {
        std::uint8_t* to = turned.pixels.data() + (std::ptrdiff_t{y} * turned.width + left) * 3;
        std::ptrdiff_t from = walk.origin + left * walk.step_x + y * walk.step_y;
        for (int x = left; x < std::min(left + tile, turned.width); ++x, to += 3, from += walk.step_x)
          std::memcpy(to, image.pixels.data() + from * 3, 3);
      }
  return turned;
}

}  // namespace peregrine
