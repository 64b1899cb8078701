#include "tools/validate/coco_dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <new>
#include <nlohmann/json.hpp>

#include "peregrine/error.h"

namespace peregrine::validate {

namespace {

using Json = nlohmann::json;

RunLengthMask read_mask(const Json& segmentation, const CocoImage& image) {
  if (segmentation.is_array())
    return rasterise(segmentation.get<std::vector<std::vector<double>>>(), image.height, image.width);
  const Json& counts = segmentation.at("counts");
  if (counts.is_string()) return from_coco_string(image.height, image.width, counts.get<std::string>());
  return {image.height, image.width, counts.get<std::vector<std::uint32_t>>()};
}

CocoAnnotation read_annotation(const Json& json, const std::map<std::int64_t, CocoImage>& images,
                               bool masks) {
  CocoAnnotation annotation;
  annotation.id = json.at("id");
  annotation.image_id = json.at("image_id");
  annotation.category_id = json.at("category_id");
  annotation.box = json.at("bbox").get<std::array<double, 4>>();
  annotation.area = json.at("area");
  annotation.crowd = json.value("iscrowd", 0) != 0;
  if (masks) annotation.mask = read_mask(json.at("segmentation"), images.at(annotation.image_id));
  if (const auto points = json.find("keypoints"); points != json.end())
    for (std::size_t i = 0; i + 2 < points->size(); i += 3)
      annotation.keypoints.push_back({(*points)[i], (*points)[i + 1], (*points)[i + 2]});
  annotation.labelled_keypoints = json.value("num_keypoints", 0);
  return annotation;
}

}  // namespace

const char* to_string(Metric metric) noexcept {
  switch (metric) {
    case Metric::bbox: return "bbox";
    case Metric::segm: return "segm";
    case Metric::keypoints: return "keypoints";
  }
  return "?";
}

CocoDataset read_coco(const std::filesystem::path& file, bool masks) {
  std::ifstream stream(file);
  if (!stream)
    throw Error("validation.dataset", fmt::format("{} cannot be read.", file.string()),
                "--data names a folder with val2017/ and annotations/.");
  try {
    const Json json = Json::parse(stream);
    CocoDataset dataset;
    std::map<std::int64_t, CocoImage> images;
    for (const Json& image : json.at("images")) {
      const std::int64_t id = image.at("id");
      images[id] = {id, image.at("file_name"), image.at("width"), image.at("height")};
    }
    for (const auto& [id, image] : images) dataset.images.push_back(image);
    for (const Json& category : json.at("categories"))
      dataset.categories.push_back({category.at("id"), category.at("name")});
    std::ranges::sort(dataset.categories, {}, &CocoCategory::id);
    for (const Json& annotation : json.at("annotations"))
      dataset.annotations.push_back(read_annotation(annotation, images, masks));
    return dataset;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw Error("validation.dataset",
                fmt::format("{} is no COCO annotation file: {}.", file.string(), error.what()),
                "Give the files that COCO's tools read.");
  }
}

}  // namespace peregrine::validate
