#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "image/mask_algebra.h"
#include "tools/validate/coco_dataset.h"

namespace peregrine::validate {

namespace {

/// Boundaries are walked on a grid this much finer than the pixels.
constexpr double oversampling = 5;

struct PolygonPoint {
  int x, y;
};

/// As COCO's masks are made: towards zero after adding a half, below zero too.
int half_up(double value) { return static_cast<int>(std::trunc(value + 0.5)); }

/// Grid points of one edge, both ends included, one for each step along its longer axis.
void walk_edge(PolygonPoint from, PolygonPoint to, std::vector<PolygonPoint>& out) {
  const int dx = std::abs(to.x - from.x), dy = std::abs(to.y - from.y);
  const bool along_x = dx >= dy;
  const bool backwards = along_x ? from.x > to.x : from.y > to.y;
  if (backwards) std::swap(from, to);
  const int steps = along_x ? dx : dy;
  // An edge of no length has a slope of 0/0, which is never multiplied by anything but a step of zero.
  const double slope = steps == 0 ? 0.0
                                  : (along_x ? static_cast<double>(to.y - from.y) / dx
                                             : static_cast<double>(to.x - from.x) / dy);
  for (int d = 0; d <= steps; ++d) {
    const int t = backwards ? steps - d : d;
    if (along_x)
      out.push_back({t + from.x, half_up(from.y + slope * t)});
    else
      out.push_back({half_up(from.x + slope * t), t + from.y});
  }
}

std::vector<PolygonPoint> walk_boundary(const std::vector<double>& polygon) {
  std::vector<PolygonPoint> corners;
  for (std::size_t i = 0; i + 1 < polygon.size(); i += 2)
    corners.push_back({half_up(oversampling * polygon[i]), half_up(oversampling * polygon[i + 1])});
  std::vector<PolygonPoint> boundary;
  for (std::size_t i = 0; i < corners.size(); ++i)
    walk_edge(corners[i], corners[(i + 1) % corners.size()], boundary);
  return boundary;
}

/// Column-major positions at which the boundary enters or leaves the polygon, sorted, ending with the image's
/// end.
std::vector<std::uint32_t> crossings(const std::vector<PolygonPoint>& boundary, int height, int width) {
  std::vector<std::uint32_t> positions;
  for (std::size_t i = 1; i < boundary.size(); ++i) {
    const PolygonPoint a = boundary[i - 1], b = boundary[i];
    if (a.x == b.x) continue;
    const double column = ((b.x < a.x ? b.x : b.x - 1) + 0.5) / oversampling - 0.5;
    if (std::floor(column) != column || column < 0 || column > width - 1) continue;
    const double row = std::ceil(
        std::clamp((std::min(a.y, b.y) + 0.5) / oversampling - 0.5, 0.0, static_cast<double>(height)));
    positions.push_back(
        static_cast<std::uint32_t>(static_cast<int>(column) * height + static_cast<int>(row)));
  }
  positions.push_back(static_cast<std::uint32_t>(height) * static_cast<std::uint32_t>(width));
  std::ranges::sort(positions);
  return positions;
}

/// Distances between positions; runs of length zero join their neighbours.
RunLengthMask runs_between(const std::vector<std::uint32_t>& positions, int height, int width) {
  RunLengthMask mask{height, width, {}};
  std::uint32_t before = 0;
  std::vector<std::uint32_t> lengths;
  lengths.reserve(positions.size());
  for (std::uint32_t position : positions) lengths.push_back(position - std::exchange(before, position));
  mask.counts.push_back(lengths[0]);
  for (std::size_t i = 1; i < lengths.size(); ++i) {
    if (lengths[i] > 0)
      mask.counts.push_back(lengths[i]);
    else if (++i < lengths.size())
      mask.counts.back() += lengths[i];
  }
  return mask;
}

}  // namespace

RunLengthMask rasterise(const std::vector<std::vector<double>>& polygons, int height, int width) {
  RunLengthMask all{height, width, {static_cast<std::uint32_t>(height) * static_cast<std::uint32_t>(width)}};
  for (const auto& polygon : polygons)
    all = parity::mask_union(all,
                             runs_between(crossings(walk_boundary(polygon), height, width), height, width));
  return all;
}

}  // namespace peregrine::validate
