// How the parts of an object are drawn beside its box and class name: a row for masks and keypoints, and one
// for what a further task gives (docs/extending/add-task.md).
#pragma once

#include <span>
#include <string>

#include "peregrine/results.h"
#include "stages/render/canvas.h"

namespace peregrine::render {

/// Sizes that grow with the image: a thumbnail and a poster look alike.
struct Style {
  float line, capital_height, limb;
  explicit Style(const Canvas& canvas);
};

/// Each is null, or draws nothing of an object that lacks the part.
struct DrawnPart {
  void (*below_boxes)(Canvas& canvas, const Object& object, const Style& style) = nullptr;
  void (*above_boxes)(Canvas& canvas, const Object& object, const Style& style) = nullptr;
  std::string (*label)(const Object& object) = nullptr;  ///< after name and confidence
};

std::span<const DrawnPart> drawn_parts();
/// Adds a row. For programs and tests, before anything is drawn: not thread-safe.
void register_drawn_part(const DrawnPart& part);

}  // namespace peregrine::render
