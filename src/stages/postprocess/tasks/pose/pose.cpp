#include "stages/postprocess/scale_math.h"
#include "stages/postprocess/tasks/tasks.h"

namespace peregrine::postprocess {
namespace {

Keypoint keypoint_at(const AnchorPlace& at, int channel, bool with_visibility, const Geometry& geometry) {
  const auto value = [&](int index) { return at.level->keypoint(channel, index, at.row, at.column); };
  return {image_x(value(0), geometry), image_y(value(1), geometry), with_visibility ? value(2) : 1.0f};
}

}  // namespace

void attach_keypoints(const KeptCandidates& kept, std::vector<Object>& objects) {
  const int dims = kept.model.keypoint_dims;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const AnchorPlace at = kept.head.place(kept.candidates[i].anchor);
    for (int k = 0; k < kept.model.keypoints; ++k)
      objects[i].keypoints.push_back(keypoint_at(at, k * dims, dims == 3, kept.geometry));
  }
}

}  // namespace peregrine::postprocess
