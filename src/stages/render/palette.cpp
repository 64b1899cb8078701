#include "stages/render/palette.h"

#include <array>

namespace peregrine::render {
namespace {

constexpr std::array<Colour, 20> palette = {
    {{64, 140, 255},  {0, 184, 169},   {255, 176, 32}, {255, 82, 96},   {160, 108, 255},
     {94, 201, 72},   {255, 120, 190}, {32, 198, 235}, {255, 126, 51},  {205, 220, 57},
     {120, 130, 255}, {0, 168, 107},   {222, 80, 200}, {176, 137, 104}, {255, 214, 10},
     {0, 150, 199},   {240, 98, 146},  {139, 195, 74}, {186, 104, 200}, {255, 152, 120}}};

/// Relative luminance of sRGB (WCAG 2.1), gamma taken as 2.2.
float luminance(Colour c) {
  const auto linear = [](std::uint8_t value) { return std::pow(static_cast<float>(value) / 255, 2.2f); };
  return 0.2126f * linear(c.red) + 0.7152f * linear(c.green) + 0.0722f * linear(c.blue);
}

}  // namespace

Colour class_colour(int class_id) { return palette[static_cast<unsigned>(class_id) % palette.size()]; }

Colour text_colour(Colour background) {
  // Contrast ratio (a + 0.05) / (b + 0.05) is equal for black and white at luminance 0.179; white keeps
  // its share a little longer because bold light letters read better than the ratio says.
  constexpr float turning_point = 0.36f;
  return luminance(background) > turning_point ? Colour{18, 18, 22} : Colour{255, 255, 255};
}

Colour limb_colour(BodySide side) {
  switch (side) {
    case BodySide::left: return {255, 138, 30};
    case BodySide::right: return {38, 198, 255};
    case BodySide::middle: return {190, 242, 60};
    case BodySide::face: return {255, 105, 200};
  }
  return {255, 255, 255};
}

}  // namespace peregrine::render
