// Anti-aliased shapes on an image. Coordinates are pixels with the corner of the first pixel at (0, 0),
// as boxes and keypoints have them; what lies outside the image is cut off.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

#include "peregrine/image.h"

namespace peregrine::render {

struct Colour {
  std::uint8_t red = 0, green = 0, blue = 0;
};

struct Point {
  float x = 0, y = 0;
};

struct Segment {
  Point from, to;
};

struct Rectangle {
  float left = 0, top = 0, right = 0, bottom = 0;
  float width() const { return right - left; }
  float height() const { return bottom - top; }
};

class Canvas {
 public:
  /// The image must outlive the canvas.
  explicit Canvas(HostImage& image) : image_(image) {}

  int width() const { return image_.width; }
  int height() const { return image_.height; }

  void blend(int x, int y, Colour colour, float alpha) {
    std::uint8_t* pixel = image_.pixels.data() + (std::ptrdiff_t{y} * image_.width + x) * 3;
    const bool bgr = image_.order == PixelOrder::bgr;
    const std::uint8_t channels[3] = {bgr ? colour.blue : colour.red, colour.green,
                                      bgr ? colour.red : colour.blue};
    const int weight = static_cast<int>(alpha * 256);
    for (int i = 0; i < 3; ++i)
      pixel[i] = static_cast<std::uint8_t>(pixel[i] + (((channels[i] - pixel[i]) * weight + 128) >> 8));
  }

  /// Lines with round ends, blended as one shape: where they cross, nothing shows.
  void strokes(std::span<const Segment> segments, float thickness, Colour colour, float alpha = 1);
  void line(Point from, Point to, float thickness, Colour colour, float alpha = 1);
  void disc(Point centre, float radius, Colour colour, float alpha = 1);
  void rectangle(const Rectangle& area, float radius, Colour colour, float alpha = 1);
  /// The line runs along the edge of `area`, half of it on each side.
  void outline(const Rectangle& area, float radius, float thickness, Colour colour);

 private:
  /// Pixels that a shape can touch.
  struct Window {
    int left, top, right, bottom;
  };
  Window window(const Rectangle& bounds) const;
  /// Blends by `distance(point)`: negative inside the shape. One pixel of transition smooths the edge.
  template <class Distance>
  void paint(const Rectangle& bounds, Colour colour, float alpha, Distance distance);

  HostImage& image_;
};

}  // namespace peregrine::render
