#include "validate/validation.h"

#include <nlohmann/json.hpp>

#include "peregrine/error.h"
#include "validate/detector_validation.h"
#include "validate/reid_validation.h"

namespace peregrine::validate {

namespace {

using Json = nlohmann::ordered_json;

Json scores_json(const ModelScores& scores) {
  Json json;
  for (const auto& [metric, summary] : scores.coco) json[to_string(metric)] = {{"AP", summary.ap}, {"AP50", summary.ap50}};
  if (scores.retrieval) json["reid"] = {{"rank1", scores.retrieval->rank1}, {"mAP", scores.retrieval->map}};
  return json;
}

}  // namespace

std::vector<ModelScores> validate_models(Settings settings, const ValidationOptions& options,
                                         const ValidationProgress& progress) {
  const provision::EngineChoice choice = provision::choose_engine(settings, options.engine);  // enforcement comes first
  std::vector<ModelScores> scores;
  ValidationOptions detectors = options;
  detectors.models.clear();
  for (const std::filesystem::path& path : options.models) {
    const Model model = load_model(path);
    scores.push_back({path, model.info(), {}, {}, {}});
    if (model.info().task == Task::reid)
      scores.back().retrieval = validate_reid(model, choice, options.data, progress);
    else
      detectors.models.push_back(path);
  }
  if (detectors.models.empty()) return scores;
  auto detected = validate_detectors(std::move(settings), detectors, progress);
  auto next = detected.begin();
  for (ModelScores& own : scores)
    if (!own.retrieval) {
      own.coco = std::move(next->coco);
      own.sheets = std::move((next++)->sheets);
    }
  return scores;
}

std::string to_json(const std::vector<ModelScores>& scores) {
  if (scores.size() == 1) return scores_json(scores.front()).dump(2);
  Json json;
  for (const ModelScores& own : scores) json[own.path.string()] = scores_json(own);
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace peregrine::validate
