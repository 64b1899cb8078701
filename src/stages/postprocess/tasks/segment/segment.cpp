#include "stages/postprocess/tasks/segment/masks.h"
#include "stages/postprocess/tasks/tasks.h"

namespace peregrine::postprocess {

void attach_masks(const KeptCandidates& kept, std::vector<Object>& objects) {
  if (objects.empty()) return;
  const auto& [model, head, candidates, geometry, options] = kept;
  const MaskPlan plan = options.validation_masks
                            ? validation_mask_plan(geometry, head.proto.width, head.proto.height)
                            : prediction_mask_plan(geometry, head.proto.width, head.proto.height);
  MaskAssembler assembler(head.proto, plan);
  std::vector<float> coefficients(static_cast<std::size_t>(head.proto.channels));
  std::vector<Object> with_mask;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const AnchorPlace at = head.place(candidates[i].anchor);
    for (int c = 0; c < head.proto.channels; ++c) coefficients[c] = at.level->extra.at(c, at.row, at.column);
    const PackedMask mask = assembler.assemble(coefficients, objects[i].box, candidates[i].box);
    if (mask.empty() && !options.validation_masks) continue;
    objects[i].mask =
        encode_packed_mask(mask.words, mask.window, geometry.image_height, geometry.image_width);
    with_mask.push_back(std::move(objects[i]));
  }
  objects = std::move(with_mask);
}

}  // namespace peregrine::postprocess
