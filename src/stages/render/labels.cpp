#include "stages/render/labels.h"

#include <array>
#include <limits>

#include "stages/render/font.h"
#include "stages/render/palette.h"

namespace peregrine::render {
namespace {

float overlap(const Rectangle& a, const Rectangle& b) {
  const float width = std::min(a.right, b.right) - std::max(a.left, b.left);
  const float height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  return width > 0 && height > 0 ? width * height : 0;
}

}  // namespace

Rectangle LabelPlacer::place(const std::string& text, const Rectangle& box, float thickness) {
  const float width = measure(text, capital_height_).width + 2 * padding(),
              height = capital_height_ + 2 * padding();
  const float half = thickness / 2;
  const float left = box.left - half, right = box.right + half - width;
  const float above = box.top - half - height, inside_top = box.top + half, below = box.bottom + half,
              inside_bottom = box.bottom - half - height;
  const std::array<Point, 8> corners = {{{left, above},
                                         {left, inside_top},
                                         {right, above},
                                         {right, inside_top},
                                         {left, below},
                                         {left, inside_bottom},
                                         {right, below},
                                         {right, inside_bottom}}};
  Rectangle best;
  float least = std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < corners.size(); ++i) {
    const float x = std::clamp(corners[i].x, 0.f, std::max(0.f, static_cast<float>(width_) - width));
    const float y = std::clamp(corners[i].y, 0.f, std::max(0.f, static_cast<float>(height_) - height));
    const Rectangle here{std::round(x), std::round(y), std::round(x) + width, std::round(y) + height};
    float cost = std::abs(y - corners[i].y) * width +
                 static_cast<float>(i);  // moved by the image's edge: covers the box
    for (const Rectangle& other : taken_) cost += 4 * overlap(here, other);
    if (cost < least) least = cost, best = here;
  }
  taken_.push_back(best);
  return best;
}

void LabelPlacer::draw(Canvas& canvas, const std::string& text, const Rectangle& place,
                       Colour background) const {
  canvas.rectangle(place, capital_height_ * 0.35f, background, 0.94f);
  draw_text(canvas, text, {place.left + padding(), place.bottom - padding()}, capital_height_,
            text_colour(background));
}

}  // namespace peregrine::render
