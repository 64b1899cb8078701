// Completes the objects that NMS kept, task by task.
#pragma once

#include <span>
#include <vector>

#include "stages/postprocess/head/head_view.h"

namespace peregrine::postprocess {

/// Fills Object::keypoints; `objects[i]` belongs to `kept[i]`.
void attach_keypoints(const ModelInfo& model, const HeadView& head, std::span<const Candidate> kept,
                      const Geometry& geometry, std::vector<Object>& objects);

/// Fills Object::mask and, unless options.validation_masks, drops the objects whose mask is empty.
void attach_masks(const HeadView& head, std::span<const Candidate> kept, const Geometry& geometry,
                  const Options& options, std::vector<Object>& objects);

}  // namespace peregrine::postprocess
