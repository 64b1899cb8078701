// Which anchors hold something: threshold and box decode.
#pragma once

#include <vector>

#include "postprocess/head_view.h"

namespace peregrine::postprocess {

/// All candidates above options.confidence and of options.classes, best first, at most max_candidates.
/// Without multi_label an anchor stands for its best class, the lowest index among equals.
std::vector<Candidate> select_candidates(const HeadView& head, const Options& options);

}  // namespace peregrine::postprocess
