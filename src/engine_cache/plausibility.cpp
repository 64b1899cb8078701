#include "engine_cache/plausibility.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/task/task_traits.h"
#include "parity/parity.h"
#include "stages/postprocess/postprocess.h"

namespace peregrine::engine_cache {

namespace {

constexpr int enough = 20;  ///< shares of fewer boxes say too little
constexpr int best_of_image = 100;
constexpr double least_share = 0.5;
constexpr double least_centred = 0.2;  ///< of corners it is close to 0
constexpr float saturated_score = 0.999f;
constexpr double least_range = 1e-6;     ///< of the scores, to the highest one
constexpr double most_alike = 0.999999;  ///< cosine of two persons

float width(const std::array<float, 4>& box) { return box[2] - box[0]; }
float height(const std::array<float, 4>& box) { return box[3] - box[1]; }

}  // namespace

bool has_extent(const std::array<float, 4>& box) { return width(box) >= 1 && height(box) >= 1; }

bool lies_inside(const std::array<float, 4>& box, const Geometry& geometry) {
  const auto right = static_cast<float>(geometry.input_width),
             bottom = static_cast<float>(geometry.input_height);
  const float x = (box[0] + box[2]) / 2, y = (box[1] + box[3]) / 2;
  return x >= 0 && x <= right && y >= 0 && y <= bottom && width(box) <= 2 * right &&
         height(box) <= 2 * bottom;
}

std::array<float, 3> anchor_of(const ModelInfo& model, int anchor, const Geometry& geometry) {
  for (const int stride : model.strides) {
    const int columns = geometry.input_width / stride, cells = columns * (geometry.input_height / stride);
    if (anchor < cells) {
      const auto side = static_cast<float>(stride);
      return {(static_cast<float>(anchor % columns) + 0.5f) * side,
              (static_cast<float>(anchor / columns) + 0.5f) * side, side};
    }
    anchor -= cells;
  }
  return {};
}

bool lies_around(const std::array<float, 4>& box, const std::array<float, 3>& anchor) {
  const auto [x, y, slack] = anchor;
  return x >= box[0] - slack && x <= box[2] + slack && y >= box[1] - slack && y <= box[3] + slack;
}

bool looks_like_corners(const std::array<float, 4>& box, const std::array<float, 3>& anchor) {
  constexpr float edge = 0.05f;  // large boxes of centre and size end near their anchor when read as corners
  const float left = (box[0] + box[2]) / 2, top = (box[1] + box[3]) / 2;
  const float right = width(box), bottom = height(box);
  const auto well_inside = [](float at, float from, float to) {
    return at >= from + edge * (to - from) && at <= to - edge * (to - from) && to > from;
  };
  return well_inside(anchor[0], left, right) && well_inside(anchor[1], top, bottom);
}

bool has_near_keypoints(const Object& object, const Geometry& geometry) {
  if (object.keypoints.empty()) return false;
  constexpr float slack = 8;  // pixels, for small boxes
  const auto& box = object.box;
  const float w = width(box) / 2 + slack, h = height(box) / 2 + slack;
  const auto is_near = [&](const Keypoint& point) {
    return point.x >= box[0] - w && point.x <= box[2] + w && point.y >= box[1] - h && point.y <= box[3] + h;
  };
  if (2 * std::ranges::count_if(object.keypoints, is_near) < std::ssize(object.keypoints)) return false;
  if (object.keypoints.size() < 3) return true;
  const auto [left, right] = std::ranges::minmax(object.keypoints, {}, &Keypoint::x);
  const auto [top, bottom] = std::ranges::minmax(object.keypoints, {}, &Keypoint::y);
  const auto pixel =
      static_cast<float>(geometry.image_width) / static_cast<float>(std::max(geometry.resized_width, 1));
  return std::max(right.x - left.x, bottom.y - top.y) > pixel;
}

void Plausibility::count(Tally& tally, const postprocess::Candidate& box, const Object* object,
                         const Geometry& geometry) const {
  ++tally.boxes;
  tally.with_extent += has_extent(box.box);
  tally.saturated += box.confidence >= saturated_score && box.confidence <= 1;
  tally.inside += lies_inside(box.box, geometry);
  tally.named += box.class_id >= 0 && box.class_id < std::ssize(model_.class_names);
  if (model_.head == HeadLayout::decoded) {
    const std::array<float, 3> anchor = anchor_of(model_, box.anchor, geometry);
    tally.around += lies_around(box.box, anchor);
    tally.centred += !looks_like_corners(box.box, anchor);
  }
  tally.near += object && has_near_keypoints(*object, geometry);
}

void Plausibility::add(const HeadTensors& heads, int slot, const Geometry& geometry) {
  if (traits_of(model_).embeds) return add_embedding(heads, slot);
  postprocess::Options options;
  options.confidence = 0;
  options.iou = 1;  // none overlaps by more: objects are the candidates, in their order
  options.max_detections = traits_of(model_).keypoints ? best_of_image : 0;
  options.keep_candidates = true;
  std::vector<postprocess::NamedTensor> named;
  for (std::size_t i = 0; i < heads.tensors.size(); ++i)
    named.push_back({heads.names[i], heads.tensors[i].view()});
  const postprocess::Detections found = postprocess::postprocess(model_, named, slot, geometry, options);
  if (found.candidates.empty()) return;
  const float highest = found.candidates.front().confidence, lowest = found.candidates.back().confidence;
  lowest_ = scores_ == 0 ? lowest : std::min(lowest_, lowest);
  highest_ = scores_ == 0 ? highest : std::max(highest_, highest);
  scores_ += std::ssize(found.candidates);
  for (std::size_t i = 0; i < found.candidates.size() && i < best_of_image; ++i) {
    const Object* object = i < found.objects.size() ? &found.objects[i] : nullptr;
    count(best_, found.candidates[i], object, geometry);
    if (found.candidates[i].confidence > confidence_) count(objects_, found.candidates[i], object, geometry);
  }
}

void Plausibility::add_embedding(const HeadTensors& heads, int slot) {
  const auto length = static_cast<std::size_t>(heads.tensors.front().shape()[1]);
  const float* row = heads.tensors.front().as<float>() + length * static_cast<std::size_t>(slot);
  const std::vector<float> person(row, row + length);
  if (persons_++ == 0) {
    first_person_ = person;
    return;
  }
  const bool empty = std::ranges::all_of(person, [](float value) { return value == 0; });
  const double alike = empty ? 1.0 : parity::cosine(first_person_, person);
  least_alike_ = alike <= least_alike_ ? alike : least_alike_;  // a NaN tells nobody apart
}

bool Plausibility::saturated() const { return 2 * judged().saturated > judged().boxes; }

const Plausibility::Tally& Plausibility::judged() const {
  return objects_.boxes >= enough ? objects_ : best_;
}

std::vector<store::ValidationCheck> Plausibility::checks() const {
  if (traits_of(model_).embeds) {
    if (persons_ < 2) return {};
    return {{.name = "cosine of two different persons, least", .value = least_alike_, .limit = most_alike}};
  }
  const Tally& tally = judged();
  if (tally.boxes < enough || saturated()) return {};
  std::vector<store::ValidationCheck> checks;
  const auto share = [&](const char* name, int count, double least = least_share) {
    checks.push_back(
        {.name = name, .value = static_cast<double>(count) / tally.boxes, .limit = least, .at_least = true});
  };
  share("boxes with an extent, share", tally.with_extent);
  share("boxes inside of the input, share", tally.inside);
  if (model_.head == HeadLayout::decoded) {
    share("boxes around their anchor, share", tally.around);
    share("boxes of centre and size, share", tally.centred, least_centred);
  }
  share("classes that have a name, share", tally.named, 1);
  if (traits_of(model_).keypoints) share("keypoints near their box, share", tally.near);
  checks.push_back({.name = "highest score", .value = highest_, .limit = 1});
  checks.push_back({.name = "range of the scores, relative",
                    .value = static_cast<double>(highest_ - lowest_) / highest_,
                    .limit = least_range,
                    .at_least = true});
  return checks;
}

std::string Plausibility::note() const {
  if (traits_of(model_).embeds) return persons_ < 2 ? "one person alone: not told apart from another" : "";
  if (judged().boxes < enough) return fmt::format("too few boxes ({}) to look at by themselves", best_.boxes);
  if (saturated())
    return fmt::format("the scores are saturated ({} of {} are 1): boxes not looked at by themselves",
                       judged().saturated, judged().boxes);
  return fmt::format("{} {} looked at by themselves", judged().boxes,
                     &judged() == &objects_ ? "boxes of objects" : "best boxes");
}

}  // namespace peregrine::engine_cache
