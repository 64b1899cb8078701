#include "stages/render/canvas.h"

#include <vector>

namespace peregrine::render {
namespace {

Point centre_of(int x, int y) { return {static_cast<float>(x) + 0.5f, static_cast<float>(y) + 0.5f}; }

float distance_to_segment(Point p, const Segment& segment) {
  const Point a = segment.from, b = segment.to;
  const float dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
  const float along =
      length2 > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length2, 0.f, 1.f) : 0.f;
  const float x = p.x - a.x - along * dx, y = p.y - a.y - along * dy;
  return std::sqrt(x * x + y * y);
}

Rectangle around(const Segment& s, float radius) {
  return {std::min(s.from.x, s.to.x) - radius, std::min(s.from.y, s.to.y) - radius,
          std::max(s.from.x, s.to.x) + radius, std::max(s.from.y, s.to.y) + radius};
}

Rectangle united(const Rectangle& a, const Rectangle& b) {
  return {std::min(a.left, b.left), std::min(a.top, b.top), std::max(a.right, b.right),
          std::max(a.bottom, b.bottom)};
}

/// Signed distance to a rectangle with rounded corners.
float distance_to_rectangle(Point p, const Rectangle& area, float radius) {
  const float dx = std::abs(p.x - (area.left + area.right) / 2) - area.width() / 2 + radius;
  const float dy = std::abs(p.y - (area.top + area.bottom) / 2) - area.height() / 2 + radius;
  return std::hypot(std::max(dx, 0.f), std::max(dy, 0.f)) + std::min(std::max(dx, dy), 0.f) - radius;
}

float fitting_radius(const Rectangle& area, float radius) {
  return std::min({radius, area.width() / 2, area.height() / 2});
}

}  // namespace

Canvas::Window Canvas::window(const Rectangle& bounds) const {
  // Results of a model may lie anywhere: infinity and NaN must not reach the conversion.
  const auto clip = [](float value, int most) {
    return value > 0 ? static_cast<int>(std::min(value, static_cast<float>(most))) : 0;
  };
  return {clip(std::floor(bounds.left - 1), width()), clip(std::floor(bounds.top - 1), height()),
          clip(std::ceil(bounds.right + 1), width()), clip(std::ceil(bounds.bottom + 1), height())};
}

template <class Distance>
void Canvas::paint(const Rectangle& bounds, Colour colour, float alpha, Distance distance) {
  const Window area = window(bounds);
  for (int y = area.top; y < area.bottom; ++y)
    for (int x = area.left; x < area.right; ++x) {
      const float coverage = std::min(0.5f - distance(centre_of(x, y)), 1.f);
      if (coverage > 0) blend(x, y, colour, alpha * coverage);
    }
}

void Canvas::strokes(std::span<const Segment> segments, float thickness, Colour colour, float alpha) {
  if (segments.empty()) return;
  const float radius = thickness / 2;
  Rectangle bounds = around(segments[0], radius);
  for (const Segment& segment : segments) bounds = united(bounds, around(segment, radius));
  const Window area = window(bounds);
  const int columns = area.right - area.left;
  std::vector<float> coverage(static_cast<std::size_t>(columns) *
                              static_cast<std::size_t>(area.bottom - area.top));
  for (const Segment& segment : segments) {
    const Window part = window(around(segment, radius));
    for (int y = part.top; y < part.bottom; ++y)
      for (int x = part.left; x < part.right; ++x) {
        float& here = coverage[static_cast<std::size_t>(y - area.top) * columns + (x - area.left)];
        here = std::max(here, radius + 0.5f - distance_to_segment(centre_of(x, y), segment));
      }
  }
  for (int y = area.top, i = 0; y < area.bottom; ++y)
    for (int x = area.left; x < area.right; ++x, ++i)
      if (coverage[i] > 0) blend(x, y, colour, alpha * std::min(coverage[i], 1.f));
}

void Canvas::line(Point from, Point to, float thickness, Colour colour, float alpha) {
  const Segment segment{from, to};
  strokes({&segment, 1}, thickness, colour, alpha);
}

void Canvas::disc(Point centre, float radius, Colour colour, float alpha) {
  line(centre, centre, 2 * radius, colour, alpha);
}

void Canvas::rectangle(const Rectangle& area, float radius, Colour colour, float alpha) {
  const float fitting = fitting_radius(area, radius);
  paint(area, colour, alpha, [&](Point p) { return distance_to_rectangle(p, area, fitting); });
}

void Canvas::outline(const Rectangle& area, float radius, float thickness, Colour colour) {
  const float fitting = fitting_radius(area, radius), half = thickness / 2;
  // Four strips along the edges, meeting on whole pixels so that none is blended twice.
  const float reach = std::ceil(std::max(half, fitting)) + 2;
  const float top = std::floor(area.top + reach), bottom = std::max(top, std::ceil(area.bottom - reach));
  const float left = std::floor(area.left + reach), right = std::max(left, std::ceil(area.right - reach));
  const auto ring = [&](Point p) { return std::abs(distance_to_rectangle(p, area, fitting)) - half; };
  const auto strip = [&](const Rectangle& bounds) {
    paint(bounds, colour, 1, [&](Point p) {
      const bool inside = p.x > bounds.left && p.x < bounds.right && p.y > bounds.top && p.y < bounds.bottom;
      return inside ? ring(p) : 1.f;
    });
  };
  const float outer_left = area.left - half - 1, outer_right = area.right + half + 1;
  strip({outer_left, area.top - half - 1, outer_right, top});
  strip({outer_left, bottom, outer_right, area.bottom + half + 1});
  strip({outer_left, top, left, bottom});
  strip({right, top, outer_right, bottom});
}

}  // namespace peregrine::render
