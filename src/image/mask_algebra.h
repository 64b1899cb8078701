// Set operations on masks as run lengths, in one walk over both.
#pragma once

#include <cstdint>

#include "peregrine/results.h"

namespace peregrine::parity {

/// Pixels of ones.
std::uint64_t mask_area(const RunLengthMask& mask);
/// Pixels that are ones in both. Equal sizes.
std::uint64_t mask_intersection_area(const RunLengthMask& a, const RunLengthMask& b);
/// Ones of either. Equal sizes.
RunLengthMask mask_union(const RunLengthMask& a, const RunLengthMask& b);
/// Intersection over union; 0 for two empty masks.
double mask_iou(const RunLengthMask& a, const RunLengthMask& b);

}  // namespace peregrine::parity
