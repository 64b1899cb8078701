#include "stages/postprocess/nms/nms.h"

#include <algorithm>

#include "stages/postprocess/nms/nms_math.h"

namespace peregrine::postprocess {

std::vector<Candidate> suppress(std::span<const Candidate> candidates, float iou, int limit) {
  struct Winner {
    int class_id;
    Corners box;
  };
  std::vector<Winner> winners;
  std::vector<Candidate> kept;
  for (const Candidate& candidate : candidates) {
    if (static_cast<int>(kept.size()) >= limit) break;
    const Corners box = with_class_offset(
        {candidate.box[0], candidate.box[1], candidate.box[2], candidate.box[3]}, candidate.class_id);
    const bool lost = std::any_of(winners.begin(), winners.end(), [&](const Winner& w) {
      return w.class_id == candidate.class_id && suppresses(w.box, box, iou);
    });
    if (lost) continue;
    winners.push_back({candidate.class_id, box});
    kept.push_back(candidate);
  }
  return kept;
}

}  // namespace peregrine::postprocess
