// A mask laid over a picture: translucent inside, with a line around it.
#pragma once

#include "peregrine/results.h"
#include "render/canvas.h"

namespace peregrine::render {

/// Inside: `alpha` of the colour; along the outline: the colour itself, `thickness` pixels wide. The mask
/// must have the picture's size; one that has not is an Error "internal.render".
void draw_mask(Canvas& canvas, const RunLengthMask& mask, Colour colour, float alpha, float thickness);

}  // namespace peregrine::render
