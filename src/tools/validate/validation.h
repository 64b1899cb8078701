// Measures models on annotated images: COCO's average precision for detectors, retrieval for ReID models.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "peregrine/model_info.h"
#include "peregrine/settings.h"
#include "tools/validate/category_matching.h"
#include "tools/validate/coco_evaluation.h"
#include "tools/validate/retrieval.h"

namespace peregrine::validate {

struct ValidationOptions {
  std::vector<std::filesystem::path> models;  ///< detectors run side by side over each image
  /// Detectors: COCO's layout, val2017/ and annotations/{instances,person_keypoints}_val2017.json. ReID
  /// models: query/ and gallery/ with images named IDENTITY_NUMBER, each holding one person.
  std::filesystem::path data;
  std::string engine = "auto";
  bool unverified = false;  ///< score engines, too, that did not pass their verification
  std::function<bool(double, std::string_view)> progress = {};  ///< as PipelineOptions::progress
};

struct ModelScores {
  std::filesystem::path path = {};  ///< as given in the options
  ModelInfo model = {};
  std::vector<std::pair<Metric, CocoSummary>> coco = {};  ///< boxes first; empty for ReID
  std::optional<RetrievalSummary> retrieval = {};         ///< ReID only
  std::vector<PrecisionSheet> sheets = {};  ///< of each metric of `coco`: noise_of_difference() takes them
  Unmatched unmatched = {};                 ///< of names, for detectors
  std::int64_t without_image = 0, without_category = 0;  ///< annotations left out: see CocoDataset
  std::vector<CocoSummary> matched = {};    ///< of each metric of `coco`, of the categories alone that the
                                            ///< model has a class for; empty where that is all of them
};

/// Told after each image; return false to stop (Error "interrupted").
using ValidationProgress = std::function<bool(std::size_t done, std::size_t total, const std::string& image)>;

/// Scores in the order of the models. Detectors run as Ultralytics' val does (docs/reference/algorithms.md):
/// confidence 0.001, IoU 0.7, 300 objects an image, several classes a box, whatever `settings` say. A
/// model's classes are found by name among the annotation file's categories, or by index where none of its
/// names occurs there; what has no counterpart is named in the log. Throws Error "validation.dataset" for
/// data that cannot be used, and what a Pipeline throws; an image that cannot be read is an error, because
/// scores without it would be wrong.
std::vector<ModelScores> validate_models(Settings settings, const ValidationOptions& options,
                                         const ValidationProgress& progress);

/// The same of what another program found with a detector, image by image under its file's name: boxes in
/// pixels of the image, masks in its size. Throws Error "validation.dataset" as validate_models() does.
ModelScores score_detections(const ModelInfo& model, const std::filesystem::path& data,
                             const std::map<std::string, std::vector<Object>>& found);

/// The images that a detector of this task is scored on: their files' names, and where they lie.
std::vector<std::filesystem::path> annotated_images(Task task, const std::filesystem::path& data);

/// One model: {"bbox": {"AP": .., "AP50": ..}, "segm": .., "keypoints": ..}, or {"reid": {"rank1": .., "mAP":
/// ..}}. Where names have no counterpart, "names": {"matched_by": "name" or "index", "unmatched_categories":
/// [{"name": .., "annotations": ..}], "unmatched_classes": [..]}, and "matched": {"AP": .., "AP50": ..} in
/// each metric that counts them. "names" has "merged_categories": [..] where several have one name. Where
/// annotations are left out, "left_out": {"without_image": .., "without_category": ..} counts them. Several:
/// one such object each, by the path of the model. null: the data has nothing of that kind.
std::string to_json(const std::vector<ModelScores>& scores);

}  // namespace peregrine::validate
