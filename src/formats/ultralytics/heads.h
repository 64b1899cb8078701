// The last module of an Ultralytics model: Detect, Pose or Segment. Its outputs leave the graph raw
// (graph/head.h).
#pragma once

#include <span>

#include "formats/ultralytics/lowering.h"
#include "peregrine/model_info.h"

namespace peregrine::ultralytics {

/// True for the classes below; other heads are modules that are not supported.
bool is_head(const Module& module);

/// Fills in what the head knows: task, strides, classes (as names "class0", ..), keypoints, masks. Throws
/// Error of family "model" for a head that is not of that kind.
void describe_head(const Module& head, Weights& weights, ModelInfo& info);

/// Lowers the head over its feature maps, finest first, and marks the outputs.
void lower_head(Lowering& lowering, const Module& head, std::span<const ValueId> levels);

}  // namespace peregrine::ultralytics
