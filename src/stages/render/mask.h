// Draws a mask over an image: translucent, with a contour.
#pragma once

#include "peregrine/results.h"
#include "stages/render/canvas.h"

namespace peregrine::render {

/// Inside: `alpha` of the colour; along the outline: the colour itself, `thickness` pixels wide. The mask
/// must have the image's size; one that has not is an Error "internal.render".
void draw_mask(Canvas& canvas, const RunLengthMask& mask, Colour colour, float alpha, float thickness);

}  // namespace peregrine::render
