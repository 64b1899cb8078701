#include "engine_cache/validation/object_parity.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/task/task_traits.h"
#include "stages/postprocess/postprocess.h"
#include "stages/postprocess/scale_math.h"

namespace peregrine::engine_cache {

namespace {

/// Objects and candidates are wanted a little below the limit, so that one that hovers there is not missed.
constexpr float below_limit = 0.05f;

postprocess::Detections detections_of(const ModelInfo& model, const HeadTensors& heads, int slot,
                                      const Geometry& geometry, const postprocess::Options& options) {
  if (traits_of(model).embeds) {  // one person, who is the image
    const auto length = static_cast<std::size_t>(heads.tensors.front().shape()[1]);
    const float* row = heads.tensors.front().as<float>() + length * static_cast<std::size_t>(slot);
    Object person{
        .task = model.task, .confidence = 1, .keypoints = {}, .mask = {}, .embedding = {row, row + length}};
    postprocess::normalise_embedding(person.embedding);
    return {{std::move(person)}, {}};
  }
  std::vector<postprocess::NamedTensor> named;
  for (std::size_t i = 0; i < heads.tensors.size(); ++i)
    named.push_back({heads.names[i], heads.tensors[i].view()});
  return postprocess::postprocess(model, named, slot, geometry, options);
}

}  // namespace

std::vector<parity::ParityCandidate> in_pixels(std::span<const postprocess::Candidate> candidates,
                                               const Geometry& geometry) {
  std::vector<parity::ParityCandidate> scaled;
  for (const postprocess::Candidate& candidate : candidates) {
    const auto& b = candidate.box;
    const postprocess::Corners box = postprocess::image_box({b[0], b[1], b[2], b[3]}, geometry);
    scaled.push_back({{box.x1, box.y1, box.x2, box.y2}, candidate.confidence, candidate.class_id});
  }
  return scaled;
}

float least_confidence(const ParityLimits& limits) {
  return std::max(0.01f, limits.min_confidence - below_limit);
}

void add_to(parity::Parity& parity, const std::string& image, std::span<const Object> reference,
            const ModelInfo& model, const ParityLimits& limits, const HeadTensors& actual, int slot,
            const Geometry& geometry) {
  postprocess::Options options;
  options.confidence = least_confidence(limits);
  options.keep_candidates = true;
  const auto tested = detections_of(model, actual, slot, geometry, options);
  const auto candidates = in_pixels(tested.candidates, geometry);
  std::optional<std::vector<Object>> all;  // with their masks: once an image, however many objects depart
  const auto unsuppressed = [&] {
    options.iou = 1;
    options.max_detections = postprocess::max_candidates;
    options.keep_candidates = false;
    if (!all) all = detections_of(model, actual, slot, geometry, options).objects;
    return *all;
  };
  parity.add({.image = image,
              .reference = reference,
              .tested = tested.objects,
              .candidates = candidates,
              .unsuppressed = unsuppressed});
}

void ObjectParity::add(const std::string& image, const HeadTensors& expected, const HeadTensors& actual,
                       int slot, const Geometry& geometry) {
  postprocess::Options options;
  options.confidence = least_confidence(limits_);
  const auto reference = detections_of(model_, expected, slot, geometry, options);
  add_to(parity_, image, reference.objects, model_, limits_, actual, slot, geometry);
}

std::vector<store::ValidationCheck> checks_of(const parity::Parity& parity, Task task,
                                              const ParityLimits& limits) {
  std::vector<store::ValidationCheck> checks;
  const auto share = [&](const char* name, const parity::Parity::Share& of) {
    checks.push_back({.name = name, .value = of.value, .limit = of.limit, .at_least = true});
  };
  share("objects found again, share", parity.after_nms());
  share(right_before_nms, parity.before_nms());
  const TaskTraits& traits = traits_of(task);
  if (!traits.embeds) {
    checks.push_back(
        {.name = "box of those found, pixels", .value = parity.worst_box_px(), .limit = limits.box_px});
    checks.push_back(
        {.name = "their confidence", .value = parity.worst_confidence(), .limit = limits.confidence});
  }
  for (std::size_t i = 0; i < parity.worst().size(); ++i)
    if (const parity::Measure& measure = parity::measures()[i]; measure.belongs(traits))
      checks.push_back({.name = measure.check,
                        .value = parity.worst()[i],
                        .limit = measure.limit(limits),
                        .at_least = measure.at_least});
  return checks;
}

std::vector<std::string> lines_of(const parity::Parity& parity) {
  std::vector<std::string> lines;
  for (const parity::Mismatch& mismatch : parity.mismatches())
    lines.push_back(fmt::format("{}: {}{}", mismatch.image, mismatch.what,
                                mismatch.nms_tie ? " (NMS tie: right before NMS)" : ""));
  return lines;
}

}  // namespace peregrine::engine_cache
