#include "tools/validate/detector_validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/log.h"
#include "core/task/task_traits.h"
#include "core/text.h"
#include "peregrine/error.h"
#include "peregrine/pipeline.h"

namespace peregrine::validate {

namespace {

/// What Ultralytics' val runs with.
constexpr float confidence = 0.001f, iou = 0.7f;
constexpr int most_objects = 300;

std::filesystem::path annotations(const std::filesystem::path& data, Task task) {
  return data / "annotations" / traits_of(task).annotations;
}

std::vector<Metric> metrics_of(Task task) {
  std::vector<Metric> metrics{Metric::bbox};
  if (traits_of(task).masks) metrics.push_back(Metric::segm);
  if (traits_of(task).keypoints) metrics.push_back(Metric::keypoints);
  return metrics;
}

struct Truth {
  CocoDataset data;
  std::multimap<std::string, std::int64_t> image_ids;  ///< by file name, which several may share

  Truth(const std::filesystem::path& file, bool masks) : data(read_coco(file, masks)) {
    check_scorable(data, file);
    for (const CocoImage& image : data.images) image_ids.emplace(image.file_name, image.id);
    const auto left_out = [&](std::int64_t count, const char* whose) {
      if (count > 0)
        log::warning(
            fmt::format("{}: {} annotations are left out, as pycocotools does: their {} is not listed",
                        printable(file.string()), count, whose));
    };
    left_out(data.without_image, "image");
    left_out(data.without_category, "category");
  }
};

CocoDetection detection_of(const Object& object, std::int64_t image, std::int64_t category) {
  const auto [x1, y1, x2, y2] =
      std::array<double, 4>{object.box[0], object.box[1], object.box[2], object.box[3]};
  CocoDetection detection{image, category, object.confidence, {x1, y1, x2 - x1, y2 - y1}, {}, {}};
  if (object.mask) detection.mask = *object.mask;
  for (const Keypoint& point : object.keypoints) detection.keypoints.push_back({point.x, point.y});
  return detection;
}

/// A model's detections as they come in, and what they are measured by: the annotations as this model's names
/// have them, whatever other models are measured beside it.
struct ComparedModel {
  const Truth* truth;
  std::optional<CocoDataset> merged;  ///< where it differs from the annotations
  std::vector<std::optional<std::int64_t>> categories;
  std::vector<CocoDetection> detections;

  ComparedModel(const Truth& of, const ModelInfo& model)
      : truth(&of),
        merged(merge_same_names(of.data, model.class_names)),
        categories(categories_of(model.class_names, data().categories)) {}

  const CocoDataset& data() const { return merged ? *merged : truth->data; }

  void score(ModelScores& scores) const {
    scores.without_image = data().without_image;
    scores.without_category = data().without_category;
    scores.unmatched = find_unmatched(scores.model.class_names, categories, data());
    if (scores.unmatched.lowers_scores()) {
      const CocoDataset part = matched_part(data(), categories);
      for (const Metric metric : metrics_of(scores.model.task))
        scores.matched.push_back(evaluate(part, detections, metric));
    }
    for (const Metric metric : metrics_of(scores.model.task)) {
      scores.coco.emplace_back(metric, evaluate(data(), detections, metric));
      if (scores.coco.back().second.ap < 0)
        log::warning(fmt::format("{}: {} is not measured: no object is annotated for it", scores.model.name,
                                 to_string(metric)));
      scores.sheets.emplace_back(data(), detections, metric);
    }
  }

  void add(const Object& object, const std::string& image_name) {
    const auto category = categories.at(static_cast<std::size_t>(object.class_id));
    if (!category) return;
    const auto [image, end] = truth->image_ids.equal_range(image_name);
    for (auto each = image; each != end; ++each)
      detections.push_back(detection_of(object, each->second, *category));
  }
};

PipelineOptions pipeline_options(const ValidationOptions& options) {
  PipelineOptions result;
  result.models = options.models;
  result.engine = options.engine;
  result.validation = true;
  result.unverified = options.unverified;
  result.progress = options.progress;
  return result;
}

class Validator {
 public:
  Validator(const Settings& settings, const ValidationOptions& options)
      : options_(options), pipeline_(settings, pipeline_options(options)) {
    std::map<std::filesystem::path, bool> with_masks;
    for (const ModelInfo& model : pipeline_.models())
      with_masks[annotations(options.data, model.task)] |= traits_of(model).masks;
    for (const ModelInfo& model : pipeline_.models()) {
      const std::filesystem::path file = annotations(options.data, model.task);
      truths_.try_emplace(file, file, with_masks[file]);
    }
    for (const ModelInfo& model : pipeline_.models()) {
      const Truth& truth = truths_.at(annotations(options.data, model.task));
      candidates_.emplace_back(truth, model);
      const auto unmatched =
          find_unmatched(model.class_names, candidates_.back().categories, candidates_.back().data());
      for (const std::string& sentence : unmatched.sentences(model.name)) log::warning(sentence);
      for (const auto& [name, id] : truth.image_ids) images_.insert(name);
    }
    check_images();
  }

  void run(const ValidationProgress& progress) {
    const std::vector<std::string> names(images_.begin(), images_.end());
    std::vector<std::string> sources;
    sources.reserve(names.size());
    for (const std::string& name : names) sources.push_back(image_file(name).string());
    pipeline_.run(sources, [&](const FrameResult& frame_result) {
      if (frame_result.error)
        throw Error("validation.dataset", frame_result.error->sentence(), "Every annotated image is needed.");
      const std::string& name = names.at(frame_result.index);
      for (const Object& object : frame_result.result->objects)
        candidates_[static_cast<std::size_t>(object.model)].add(object, name);
      if (!progress(frame_result.index + 1, frame_result.total, name))
        throw Error("interrupted", "Interrupted; nothing was scored.");
      return true;
    });
  }

  std::vector<ModelScores> scores() const {
    std::vector<ModelScores> scores;
    for (std::size_t m = 0; m < candidates_.size(); ++m) {
      candidates_[m].score(
          scores.emplace_back(ModelScores{.path = options_.models[m], .model = pipeline_.models()[m]}));
    }
    return scores;
  }

 private:
  std::filesystem::path image_file(const std::string& name) const { return options_.data / "val2017" / name; }

  /// An image that is missing, or a name that is a folder's, would shift or end the run.
  void check_images() const {
    std::vector<std::string> missing;
    for (const std::string& name : images_) {
      std::error_code ignored;
      if (!std::filesystem::is_regular_file(image_file(name), ignored)) missing.push_back(name);
    }
    if (missing.empty()) return;
    throw Error("validation.dataset",
                fmt::format("{} of the {} annotated images are no files in {} ({}{}).", missing.size(),
                            images_.size(), printable((options_.data / "val2017").string()),
                            printable(missing.front()), missing.size() > 1 ? " ..." : ""),
                "Every annotated image is needed.");
  }

  const ValidationOptions& options_;
  Pipeline pipeline_;
  std::map<std::filesystem::path, Truth> truths_;
  std::set<std::string> images_;
  std::vector<ComparedModel> candidates_;  ///< by model
};

}  // namespace

ModelScores score_detections(const ModelInfo& model, const std::filesystem::path& data,
                             const std::map<std::string, std::vector<Object>>& found) {
  const Truth truth(annotations(data, model.task), traits_of(model).masks);
  ComparedModel candidate(truth, model);
  for (const auto& [image_name, objects] : found)
    for (const Object& object : objects) candidate.add(object, image_name);
  ModelScores scores{.model = model};
  candidate.score(scores);
  return scores;
}

std::vector<std::filesystem::path> annotated_images(Task task, const std::filesystem::path& data) {
  std::vector<std::filesystem::path> files;
  for (const CocoImage& image : read_coco(annotations(data, task), false).images)
    files.push_back(data / "val2017" / image.file_name);
  return files;
}

std::vector<ModelScores> validate_detectors(Settings settings, const ValidationOptions& options,
                                            const ValidationProgress& progress) {
  settings.model_confidence_threshold = confidence;
  settings.iou = iou;
  settings.max_det = most_objects;
  Validator validator(settings, options);
  validator.run(progress);
  return validator.scores();
}

}  // namespace peregrine::validate
