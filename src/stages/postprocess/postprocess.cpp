#include "stages/postprocess/postprocess.h"

#include "stages/postprocess/head/candidates.h"
#include "stages/postprocess/nms/nms.h"
#include "stages/postprocess/scale_math.h"
#include "stages/postprocess/tasks/tasks.h"

namespace peregrine::postprocess {

Detections postprocess(const ModelInfo& model, std::span<const NamedTensor> heads, int n,
                       const Geometry& geometry, const Options& options) {
  const HeadView head = view_head(model, heads, n);
  Detections result;
  std::vector<Candidate> candidates = decode_and_threshold(head, options);
  const std::vector<Candidate> kept = suppress(candidates, options.iou, options.max_detections);
  for (const Candidate& candidate : kept) {
    Object object;
    object.task = model.task;
    object.class_id = candidate.class_id;
    object.confidence = candidate.confidence;
    const Corners box =
        image_box({candidate.box[0], candidate.box[1], candidate.box[2], candidate.box[3]}, geometry);
    object.box = {box.x1, box.y1, box.x2, box.y2};
    result.objects.push_back(std::move(object));
  }
  attach_extras({model, head, kept, geometry, options}, result.objects);
  if (options.keep_candidates) result.candidates = std::move(candidates);
  return result;
}

}  // namespace peregrine::postprocess
