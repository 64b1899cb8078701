// Colours that are easy to tell apart on photographs.
#pragma once

#include "stages/render/canvas.h"

namespace peregrine::render {

/// Colour of a class: the same in every image and for every model.
Colour class_colour(int class_id);

/// Near-black or white, whichever stands out more on `background`.
Colour text_colour(Colour background);

enum class BodySide { left, right, middle, face };
Colour limb_colour(BodySide side);

}  // namespace peregrine::render
