#include "image/mask_algebra.h"

#include <algorithm>
#include <cstddef>

namespace peregrine::parity {

namespace {

/// Calls visit(length, a, b) for each stretch over which both masks are constant.
template <class Visitor>
void walk(const RunLengthMask& a, const RunLengthMask& b, Visitor visit) {
  std::size_t i = 0, j = 0;
  std::uint32_t left_a = a.counts.empty() ? 0 : a.counts[0], left_b = b.counts.empty() ? 0 : b.counts[0];
  while (i < a.counts.size() && j < b.counts.size()) {
    const std::uint32_t length = std::min(left_a, left_b);
    if (length > 0) visit(length, i % 2 == 1, j % 2 == 1);
    left_a -= length;
    left_b -= length;
    if (left_a == 0 && ++i < a.counts.size()) left_a = a.counts[i];
    if (left_b == 0 && ++j < b.counts.size()) left_b = b.counts[j];
  }
}

}  // namespace

std::uint64_t mask_area(const RunLengthMask& mask) {
  std::uint64_t area = 0;
  for (std::size_t i = 1; i < mask.counts.size(); i += 2) area += mask.counts[i];
  return area;
}

std::uint64_t mask_intersection_area(const RunLengthMask& a, const RunLengthMask& b) {
  std::uint64_t area = 0;
  walk(a, b, [&](std::uint32_t length, bool in_a, bool in_b) { area += in_a && in_b ? length : 0; });
  return area;
}

RunLengthMask mask_union(const RunLengthMask& a, const RunLengthMask& b) {
  RunLengthMask all{a.height, a.width, {0}};
  walk(a, b, [&](std::uint32_t length, bool in_a, bool in_b) {
    const bool one = in_a || in_b;
    if (one == (all.counts.size() % 2 == 0))
      all.counts.back() += length;
    else
      all.counts.push_back(length);
  });
  return all;
}

double mask_iou(const RunLengthMask& a, const RunLengthMask& b) {
  const std::uint64_t both = mask_intersection_area(a, b);
  const std::uint64_t either = mask_area(a) + mask_area(b) - both;
  return either ? static_cast<double>(both) / static_cast<double>(either) : 0;
}

}  // namespace peregrine::parity
