#include "predictor/class_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "core/log.h"
#include "core/task/task_traits.h"
#include "peregrine/error.h"

namespace peregrine::predictor {

namespace {

/// No class has this index: a filter for a model that has none of the wanted classes keeps nothing.
constexpr int no_class = -1;
/// A hint names no more classes of a model.
constexpr std::size_t most_named = 100;
constexpr std::string_view name_prefix = "name:";

std::optional<int> as_number(std::string_view text) {
  int value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

/// What the models know, for a hint.
std::string known_classes(const std::vector<ModelInfo>& models) {
  std::string text;
  for (const ModelInfo& model : models) {
    const auto& names = model.class_names;
    const std::size_t named = std::min(names.size(), most_named);
    text += fmt::format("{}{} knows: {}{}.", text.empty() ? "" : " ", model.name,
                        fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(named), ", "),
                        named < names.size() ? fmt::format(" and {} more", names.size() - named) : "");
  }
  return text;
}

/// Looks texts up in all models.
class Search {
 public:
  explicit Search(const std::vector<ModelInfo>& models) : models_(models), found_(models.size()) {}

  /// Throws what `unknown` makes of a text that asks for nothing.
  template <class Unknown>
  void add(std::string_view text, const Unknown& unknown) {
    if (const auto index = as_number(text)) {
      if (!add_index(*index)) throw unknown(text);
      warn_of_name(text, *index);
      return;
    }
    if (add_name(text)) return;
    if (text.starts_with(name_prefix) && add_name(text.substr(name_prefix.size()))) return;
    const std::size_t comma = text.find(',');
    if (comma == std::string_view::npos) {
      if (trimmed(text) == text) throw unknown(text);
      return add(trimmed(text), unknown);
    }
    bool any = false;
    for (std::size_t begin = 0, end = comma; begin <= text.size(); begin = end + 1) {
      end = std::min(text.find(',', begin), text.size());
      const std::string_view part = text.substr(begin, end - begin);
      if (trimmed(part).empty()) continue;
      add(part, unknown);
      any = true;
    }
    if (!any) throw unknown(text);
  }

  ClassesByModel found() && {
    for (std::vector<int>& classes : found_) {
      std::ranges::sort(classes);
      classes.erase(std::ranges::unique(classes).begin(), classes.end());
    }
    return std::move(found_);
  }

 private:
  bool add_index(int index) {
    bool any = false;
    for (std::size_t m = 0; m < models_.size(); ++m)
      if (index >= 0 && index < static_cast<int>(models_[m].class_names.size())) {
        found_[m].push_back(index);
        any = true;
      }
    return any;
  }

  bool add_name(std::string_view name) {
    bool any = false;
    for (std::size_t m = 0; m < models_.size(); ++m)
      for (std::size_t i = 0; i < models_[m].class_names.size(); ++i)
        if (models_[m].class_names[i] == name) {
          found_[m].push_back(static_cast<int>(i));
          any = true;
        }
    return any;
  }

  /// Says so where a class of another index is called like the index.
  void warn_of_name(std::string_view text, int index) const {
    for (const ModelInfo& model : models_) {
      const auto& names = model.class_names;
      const auto named = static_cast<std::size_t>(std::ranges::find(names, text) - names.begin());
      const auto asked = static_cast<std::size_t>(index);
      if (named < names.size() && asked < names.size() && names[asked] != text)
        log::info(fmt::format("{}: {} is the class of that index, {}; the one of that name is {}{}.",
                              model.name, text, names[asked], name_prefix, text));
    }
  }

  const std::vector<ModelInfo>& models_;
  ClassesByModel found_;
};

/// For a number that is no index although classes are called so, the way to them.
std::string hint_for(const std::vector<ModelInfo>& models, std::string_view text, std::string_view flag) {
  const bool called_so = std::ranges::any_of(
      models, [&](const ModelInfo& model) { return std::ranges::count(model.class_names, text) > 0; });
  if (called_so)
    return fmt::format("A number is an index, from 0. The class of that name is {} {}{}.", flag, name_prefix,
                       text);
  if (!as_number(text)) return known_classes(models);
  std::string ranges;
  for (const ModelInfo& model : models)
    ranges += fmt::format("{}The classes of {} are 0 to {}.", ranges.empty() ? "" : " ", model.name,
                          model.class_names.size() - 1);
  return ranges;
}

}  // namespace

ClassesByModel resolve_classes(const std::vector<ModelInfo>& models, const std::vector<std::string>& wanted) {
  Search search(models);
  for (const std::string& text : wanted)
    search.add(text, [&](std::string_view part) {
      return Error("usage.classes", fmt::format("No model has a class \"{}\".", part),
                   hint_for(models, part, "--classes"));
    });
  ClassesByModel classes = std::move(search).found();
  if (!wanted.empty())
    for (std::vector<int>& own : classes)
      if (own.empty()) own.push_back(no_class);
  return classes;
}

ClassesByModel resolve_reid_classes(const std::vector<ModelInfo>& models,
                                    const std::vector<std::string>& wanted) {
  if (wanted.empty())
    throw Error("usage.reid_class", "No class is named to compute embeddings for.",
                "Name one with --reid-class, e.g. person.");
  Search search(models);
  for (const std::string& text : wanted)
    search.add(text, [&](std::string_view part) {
      return Error(
          "usage.reid_class", fmt::format("No model has a class \"{}\" to compute embeddings for.", part),
          "Name one of the models' classes with --reid-class. " + hint_for(models, part, "--reid-class"));
    });
  return std::move(search).found();
}

void require_detector(const ModelInfo& model) {
  if (traits_of(model).embeds)
    throw Error("usage.model", fmt::format("{} is a ReID model.", model.name), "Pass it with --reid.");
}

void require_reid(const ModelInfo& model) {
  if (!traits_of(model).embeds)
    throw Error("usage.model",
                fmt::format("{} is a {} model: it gives no embeddings.", model.name, to_string(model.task)),
                "Give --reid an OSNet checkpoint, and this one to --model.");
}

}  // namespace peregrine::predictor
