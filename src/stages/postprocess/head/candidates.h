// Decode and threshold: finds the anchors above the confidence threshold and decodes their boxes.
#pragma once

#include <vector>

#include "stages/postprocess/head/head_view.h"

namespace peregrine::postprocess {

/// All candidates above options.confidence and of options.classes, best first, at most max_candidates.
/// Without multi_label an anchor stands for its best class, the lowest index among equals.
std::vector<Candidate> decode_and_threshold(const HeadView& head, const Options& options);

}  // namespace peregrine::postprocess
