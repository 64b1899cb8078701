// The project's own font: letters as strokes of one thickness with round ends, drawn anti-aliased at any
// size.
#pragma once

#include <string_view>

#include "stages/render/canvas.h"

namespace peregrine::render {

/// Size of text whose capital letters are `capital_height` pixels high.
struct TextMetrics {
  float width = 0;    ///< from the left edge of the first letter's ink to the right edge of the last's
  float ascent = 0;   ///< above the baseline, ink included
  float descent = 0;  ///< below it
};
TextMetrics measure(std::string_view text, float capital_height);

/// Draws UTF-8 text with its ink beginning at `origin.x` and its baseline at `origin.y`. The font has ASCII:
/// European letters lose their accents (U+00C0 to U+017F), any other character is drawn as an empty frame.
void draw_text(Canvas& canvas, std::string_view text, Point origin, float capital_height, Colour colour);

}  // namespace peregrine::render
