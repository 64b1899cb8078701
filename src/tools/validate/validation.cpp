#include "tools/validate/validation.h"

#include <nlohmann/json.hpp>

#include "core/task/task_traits.h"
#include "peregrine/error.h"
#include "tools/validate/detector_validation.h"
#include "tools/validate/reid_validation.h"

namespace peregrine::validate {

namespace {

using Json = nlohmann::ordered_json;

/// null of what was not measured: a number would look like a result.
Json average_json(double average) { return average < 0 ? Json(nullptr) : Json(average); }

Json averages_json(const CocoSummary& summary) {
  return {{"AP", average_json(summary.ap)}, {"AP50", average_json(summary.ap50)}};
}

Json unmatched_json(const Unmatched& unmatched) {
  Json json{{"matched_by", unmatched.by_index ? "index" : "name"},
            {"unmatched_categories", Json::array()},
            {"unmatched_classes", unmatched.classes}};
  for (const Unmatched::Category& category : unmatched.categories)
    json["unmatched_categories"].push_back({{"name", category.name}, {"annotations", category.annotations}});
  if (!unmatched.merged.empty()) json["merged_categories"] = unmatched.merged;
  return json;
}

Json scores_json(const ModelScores& scores) {
  Json json;
  for (std::size_t i = 0; i < scores.coco.size(); ++i) {
    const auto& [metric, summary] = scores.coco[i];
    json[to_string(metric)] = averages_json(summary);
    if (i < scores.matched.size()) json[to_string(metric)]["matched"] = averages_json(scores.matched[i]);
  }
  const Unmatched& unmatched = scores.unmatched;
  if (unmatched.any()) json["names"] = unmatched_json(unmatched);
  if (scores.without_image + scores.without_category > 0)
    json["left_out"] = {{"without_image", scores.without_image},
                        {"without_category", scores.without_category}};
  if (scores.retrieval) json["reid"] = {{"rank1", scores.retrieval->rank1}, {"mAP", scores.retrieval->map}};
  return json;
}

}  // namespace

std::vector<ModelScores> validate_models(Settings settings, const ValidationOptions& options,
                                         const ValidationProgress& progress) {
  const engine_cache::EngineContext context =
      engine_cache::choose_engine(settings, options.engine, options.progress);  // enforcement comes first
  std::vector<ModelScores> scores;
  ValidationOptions detectors = options;
  detectors.models.clear();
  std::vector<TaskHint> tasks;  // of the detectors
  for (std::size_t i = 0; i < options.models.size(); ++i) {
    const std::filesystem::path& path = options.models[i];
    const std::optional<TaskHint> told = task_hint(settings, i, options.models.size());
    const Model model = load_model(path, told);
    scores.push_back({.path = path, .model = model.info()});
    if (traits_of(model.info()).embeds) {
      scores.back().retrieval = validate_reid(model, context, options.data, progress);
    } else {
      detectors.models.push_back(path);
      if (told) tasks.push_back(*told);
    }
  }
  settings.tasks = std::move(tasks);  // what was said of ReID models is none of the detectors'
  if (detectors.models.empty()) return scores;
  auto detected = validate_detectors(std::move(settings), detectors, progress);
  auto next = detected.begin();
  for (ModelScores& own : scores)
    if (!own.retrieval) {
      own.coco = std::move(next->coco);
      own.matched = std::move(next->matched);
      own.unmatched = std::move(next->unmatched);
      own.without_image = next->without_image;
      own.without_category = next->without_category;
      own.sheets = std::move((next++)->sheets);
    }
  return scores;
}

std::string to_json(const std::vector<ModelScores>& scores) {
  if (scores.size() == 1)
    return scores_json(scores.front()).dump(2, ' ', false, Json::error_handler_t::replace);
  Json json;
  for (const ModelScores& own : scores) json[own.path.string()] = scores_json(own);
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace peregrine::validate
