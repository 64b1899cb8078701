// Ground truth in COCO's format: instances_*.json and person_keypoints_*.json.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "peregrine/results.h"

namespace peregrine::validate {

enum class Metric : std::uint8_t { bbox, segm, keypoints };
/// "bbox", "segm", "keypoints".
const char* to_string(Metric metric) noexcept;

struct CocoImage {
  std::int64_t id = 0;
  std::string file_name;
  int width = 0, height = 0;
};

struct CocoCategory {
  std::int64_t id = 0;
  std::string name;
};

struct CocoAnnotation {
  std::int64_t id = 0, image_id = 0, category_id = 0;
  std::array<double, 4> box{};  ///< x, y, width, height
  double area = 0;
  bool crowd = false;
  RunLengthMask mask;                            ///< empty unless the metric needs it
  std::vector<std::array<double, 3>> keypoints;  ///< x, y, visibility 0, 1, 2
  int labelled_keypoints = 0;
};

struct CocoDataset {
  std::vector<CocoImage> images;         ///< by id, rising
  std::vector<CocoCategory> categories;  ///< by id, rising
  std::vector<CocoAnnotation> annotations;
  /// Annotations that are left out, as pycocotools leaves them out: their image, or their category, is not
  /// listed.
  std::int64_t without_image = 0, without_category = 0;
  std::vector<std::string> merged = {};  ///< names that several categories had: merge_same_names()
};

/// Reads one annotation file; masks are rasterised when `masks`. Throws Error "validation.dataset" naming the
/// file.
CocoDataset read_coco(const std::filesystem::path& file, bool masks);

/// Throws Error "validation.dataset" where `data`, read from `file`, has no image, or no object that counts:
/// every score would be a number without a measurement.
void check_scorable(const CocoDataset& data, const std::filesystem::path& file);

/// Polygons (x0, y0, x1, y1, ... each) -> mask, pixel for pixel as COCO's tools rasterise them: boundaries
/// are walked at five times the resolution, and a pixel belongs to the polygon when its centre column is
/// crossed above it.
RunLengthMask rasterise(const std::vector<std::vector<double>>& polygons, int height, int width);

}  // namespace peregrine::validate
