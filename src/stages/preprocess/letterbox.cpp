#include "stages/preprocess/letterbox.h"

#include <algorithm>
#include <cmath>

namespace peregrine::preprocess {
namespace {

/// Half to even, as in the reference: relies on the default rounding mode.
int rounded(double value) { return static_cast<int>(std::nearbyint(value)); }

int leading_pad(int total) { return rounded(total / 2.0 - 0.1); }

Geometry scaled_to_fit(int image_width, int image_height, int width, int height) {
  const double ratio =
      std::min(static_cast<double>(height) / image_height, static_cast<double>(width) / image_width);
  Geometry g;
  g.image_width = image_width;
  g.image_height = image_height;
  g.resized_width = std::max(rounded(image_width * ratio), 1);
  g.resized_height = std::max(rounded(image_height * ratio), 1);
  return g;
}

Geometry padded_to(Geometry g, int input_width, int input_height) {
  g.input_width = input_width;
  g.input_height = input_height;
  g.pad_left = leading_pad(input_width - g.resized_width);
  g.pad_top = leading_pad(input_height - g.resized_height);
  return g;
}

}  // namespace

Geometry letterbox(int image_width, int image_height, int input_width, int input_height) {
  return padded_to(scaled_to_fit(image_width, image_height, input_width, input_height), input_width,
                   input_height);
}

Geometry letterbox_rect(int image_width, int image_height, int width, int height, int stride) {
  const Geometry g = scaled_to_fit(image_width, image_height, width, height);
  return padded_to(g, g.resized_width + (width - g.resized_width) % stride,
                   g.resized_height + (height - g.resized_height) % stride);
}

Geometry letterbox_validation(int image_width, int image_height, int size) {
  const double ratio = static_cast<double>(size) / std::max(image_width, image_height);
  Geometry g;
  g.image_width = image_width;
  g.image_height = image_height;
  g.resized_width = std::min(static_cast<int>(std::ceil(image_width * ratio)), size);
  g.resized_height = std::min(static_cast<int>(std::ceil(image_height * ratio)), size);
  return padded_to(g, size, size);
}

}  // namespace peregrine::preprocess
