#include "pipeline/class_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "peregrine/error.h"

namespace peregrine::pipeline {

namespace {

std::optional<int> index_of(const ModelInfo& model, const std::string& name) {
  const auto found = std::ranges::find(model.class_names, name);
  if (found == model.class_names.end()) return std::nullopt;
  return static_cast<int>(found - model.class_names.begin());
}

std::optional<int> as_number(const std::string& text) {
  int value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// No class has this index: a filter for a model that has none of the wanted classes keeps nothing.
constexpr int no_class = -1;

}  // namespace

void require_known_classes(const std::vector<ModelInfo>& models, const std::vector<std::string>& wanted) {
  for (const std::string& name : wanted)
    if (!as_number(name) &&
        std::ranges::none_of(models, [&](const ModelInfo& model) { return index_of(model, name).has_value(); }))
      throw Error("usage.classes", fmt::format("No model has a class \"{}\".", name),
                  models.empty() ? "" : fmt::format("{} knows: {}.", models[0].name, fmt::join(models[0].class_names, ", ")));
}

std::vector<int> resolve_classes(const ModelInfo& model, const std::vector<std::string>& wanted) {
  std::vector<int> indices;
  for (const std::string& text : wanted) {
    if (const auto index = index_of(model, text)) {
      indices.push_back(*index);
    } else if (const auto number = as_number(text)) {
      if (*number < 0 || *number >= static_cast<int>(model.class_names.size()))
        throw Error("usage.classes", fmt::format("{} has no class {}.", model.name, *number),
                    fmt::format("Its classes are 0 to {}.", model.class_names.size() - 1));
      indices.push_back(*number);
    }
  }
  if (!wanted.empty() && indices.empty()) indices.push_back(no_class);
  return indices;
}

void require_detector(const ModelInfo& model) {
  if (model.task == Task::reid)
    throw Error("usage.model", fmt::format("{} is a ReID model.", model.name), "Pass it with --reid.");
}

void require_reid(const ModelInfo& model) {
  if (model.task != Task::reid)
    throw Error("usage.model", fmt::format("{} is a {} model: it gives no embeddings.", model.name, to_string(model.task)),
                "Give --reid an OSNet checkpoint, and this one to --model.");
}

ReidTarget find_reid_target(const std::vector<ModelInfo>& models, const std::string& class_name) {
  for (std::size_t m = 0; m < models.size(); ++m)
    if (const auto index = index_of(models[m], class_name)) return {static_cast<int>(m), *index};
  throw Error("usage.reid_class", fmt::format("No model has a class \"{}\" to compute embeddings for.", class_name),
              "Name one of the models' classes with --reid-class.");
}

}  // namespace peregrine::pipeline
