#include "predictor/object_parts.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

namespace peregrine::predictor {

namespace {

using Json = nlohmann::ordered_json;

constexpr int embedding_digits = 6;

Json keypoints(const Object& object) {
  Json json;
  for (const Keypoint& point : object.keypoints)
    json.push_back({rounded(point.x, pixel_digits), rounded(point.y, pixel_digits),
                    rounded(point.confidence, confidence_digits)});
  return json;
}

Json mask(const Object& object) {
  if (!object.mask) return {};
  return {{"size", {object.mask->height, object.mask->width}}, {"counts", to_coco_string(*object.mask)}};
}

Json embedding(const Object& object) {
  Json json;
  for (float element : object.embedding) json.push_back(rounded(element, embedding_digits));
  return json;
}

std::vector<ObjectPart>& table() {
  static std::vector<ObjectPart> rows{{"keypoints", keypoints}, {"mask", mask}, {"embedding", embedding}};
  return rows;
}

}  // namespace

std::span<const ObjectPart> object_parts() { return table(); }
void register_object_part(const ObjectPart& part) { table().push_back(part); }

double rounded(double value, int digits) {
  const double scale = std::pow(10.0, digits);
  return std::round(value * scale) / scale;
}

}  // namespace peregrine::predictor
