#include "tools/validate/coco_dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <new>
#include <nlohmann/json.hpp>
#include <set>

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

/// Counts an annotation whose image or category is not listed, and says so.
bool is_left_out(const Json& annotation, const std::map<std::int64_t, CocoImage>& images,
                 const std::set<std::int64_t>& categories, CocoDataset& dataset) {
  const bool no_image = !images.contains(annotation.at("image_id"));
  const bool no_category = !no_image && !categories.contains(annotation.at("category_id"));
  dataset.without_image += no_image;
  dataset.without_category += no_category;
  return no_image || no_category;
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
  std::error_code ignored;
  std::ifstream stream;
  if (std::filesystem::is_regular_file(file, ignored)) stream.open(file);  // a pipe might wait for ever
  if (!stream.is_open())
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
    std::set<std::int64_t> categories;
    for (const CocoCategory& category : dataset.categories) categories.insert(category.id);
    for (const Json& annotation : json.at("annotations"))
      if (!is_left_out(annotation, images, categories, dataset))
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

void check_scorable(const CocoDataset& data, const std::filesystem::path& file) {
  const auto crowds = std::ranges::count_if(data.annotations, &CocoAnnotation::crowd);
  std::string what;
  if (data.images.empty())
    what = "lists no image";
  else if (data.annotations.empty() && data.without_image + data.without_category == 0)
    what = "has no annotation";
  else if (crowds == std::ssize(data.annotations))
    what = fmt::format(
        "has no object that counts: {} annotations are crowds, {} belong to images and {} to categories "
        "that it does not list",
        crowds, data.without_image, data.without_category);
  if (what.empty()) return;
  throw Error("validation.dataset", fmt::format("{} {}: there is nothing to score.", file.string(), what),
              "An object counts when its image and its category are listed and it is no crowd: annotate the "
              "images of val2017/.");
}

}  // namespace peregrine::validate
