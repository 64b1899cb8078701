// Places labels beside their boxes: inside the image and, where there is room, not over each other.
#pragma once

#include <string>
#include <vector>

#include "stages/render/canvas.h"

namespace peregrine::render {

class LabelPlacer {
 public:
  /// `capital_height` of the text, in pixels.
  LabelPlacer(const Canvas& canvas, float capital_height)
      : width_(canvas.width()), height_(canvas.height()), capital_height_(capital_height) {}

  /// Where the label of `text` goes for this box: above its upper left corner if possible, else inside the
  /// box, below it or at its right. Remembers the place. Labels that come first have the choice.
  Rectangle place(const std::string& text, const Rectangle& box, float thickness);

  /// Draws a label at its place.
  void draw(Canvas& canvas, const std::string& text, const Rectangle& place, Colour background) const;

 private:
  float padding() const { return 0.62f * capital_height_; }

  int width_, height_;
  float capital_height_;
  std::vector<Rectangle> taken_;
};

}  // namespace peregrine::render
