#include "stages/render/mask.h"

#include <vector>

#include "image/run_length.h"
#include "peregrine/error.h"

namespace peregrine::render {
namespace {

using Value = std::uint16_t;
constexpr int max_radius = 7;  // two blurs each way give at most 15^4, which a Value holds

/// The part of a mask that holds its ones, with a margin of zeros.
struct Patch {
  int left = 0, top = 0, width = 0, height = 0;
  std::vector<Value> values;
  Value* row(int y) { return values.data() + static_cast<std::ptrdiff_t>(y) * width; }
};

Patch cut_out(const RunLengthMask& mask, int margin) {
  int left = mask.width, right = 0, top = mask.height, bottom = 0;
  for_each_run(mask, [&](int column, int first, int end) {
    left = std::min(left, column), right = std::max(right, column + 1);
    top = std::min(top, first), bottom = std::max(bottom, end);
  });
  Patch patch;
  if (left >= right) return patch;
  patch.left = left - margin, patch.width = right - left + 2 * margin;
  patch.top = top - margin, patch.height = bottom - top + 2 * margin;
  patch.values.resize(static_cast<std::size_t>(patch.width) * patch.height);
  for_each_run(mask, [&](int column, int first, int end) {
    for (int row = first; row < end; ++row) patch.row(row - patch.top)[column - patch.left] = 1;
  });
  return patch;
}

/// Each row becomes the sums of its 2 * radius + 1 neighbours, zero beyond the ends.
void sum_along_rows(Patch& patch, int radius) {
  std::vector<Value> line(static_cast<std::size_t>(patch.width + 2 * radius + 1));
  for (int y = 0; y < patch.height; ++y) {
    Value* row = patch.row(y);
    std::copy_n(row, patch.width, line.begin() + radius + 1);
    Value sum = 0;
    for (int i = 0; i < 2 * radius; ++i) sum += line[i + 1];
    for (int x = 0; x < patch.width; ++x) row[x] = sum += line[x + 2 * radius + 1] - line[x];
  }
}

/// The same down the columns, all columns at once.
void sum_along_columns(Patch& patch, int radius) {
  const std::vector<Value> before = patch.values;
  const auto row_before = [&](int y) { return before.data() + static_cast<std::ptrdiff_t>(y) * patch.width; };
  std::vector<Value> sums(static_cast<std::size_t>(patch.width));
  for (int y = -radius; y < patch.height; ++y) {
    if (y + radius < patch.height)
      for (int x = 0; x < patch.width; ++x) sums[x] += row_before(y + radius)[x];
    if (y - radius - 1 >= 0)
      for (int x = 0; x < patch.width; ++x) sums[x] -= row_before(y - radius - 1)[x];
    if (y >= 0) std::copy(sums.begin(), sums.end(), patch.row(y));
  }
}

}  // namespace

void draw_mask(Canvas& canvas, const RunLengthMask& mask, Colour colour, float alpha, float thickness) {
  if (mask.width != canvas.width() || mask.height != canvas.height())
    throw Error("internal.render", "A mask does not have the size of its image.");
  const int radius = std::clamp(static_cast<int>(std::lround(thickness / 2)), 1, max_radius);
  Patch patch = cut_out(mask, 2 * radius + 1);
  for (int pass = 0; pass < 2; ++pass) {
    sum_along_rows(patch, radius);
    sum_along_columns(patch, radius);
  }
  // Twice the box blur of n pixels has its steepest slope, 1/n a pixel, at the outline: value -> distance.
  const float n = static_cast<float>(2 * radius + 1), whole = n * n * n * n;
  for (int y = std::max(0, -patch.top); y < std::min(patch.height, canvas.height() - patch.top); ++y)
    for (int x = std::max(0, -patch.left); x < std::min(patch.width, canvas.width() - patch.left); ++x) {
      const Value value = patch.row(y)[x];
      if (value == 0) continue;
      const float inside = (static_cast<float>(value) / whole - 0.5f) * n;
      const float fill = std::clamp(inside + 0.5f, 0.f, 1.f) * alpha;
      const float contour = std::clamp(thickness / 2 + 0.5f - std::abs(inside), 0.f, 1.f);
      const float opacity = std::max(fill, contour);
      if (opacity > 0) canvas.blend(patch.left + x, patch.top + y, colour, opacity);
    }
}

}  // namespace peregrine::render
