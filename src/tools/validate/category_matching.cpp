#include "tools/validate/category_matching.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/text.h"

namespace peregrine::validate {

namespace {

using Ids = std::vector<std::optional<std::int64_t>>;

std::set<std::int64_t> matched_ids(const Ids& categories) {
  std::set<std::int64_t> ids;
  for (const auto& id : categories)
    if (id) ids.insert(*id);
  return ids;
}

/// "a, b, c and 5 more".
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most = 10;
  const std::size_t shown = std::min(most, names.size());
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) text += (i == 0 ? "" : ", ") + printable(names[i]);
  return names.size() > shown ? fmt::format("{} and {} more", text, names.size() - shown) : text;
}

}  // namespace

std::optional<CocoDataset> merge_same_names(const CocoDataset& data,
                                            const std::vector<std::string>& class_names) {
  std::map<std::string, std::int64_t> first;
  std::map<std::int64_t, std::int64_t> becomes;
  std::vector<std::string> names;
  for (const CocoCategory& category : data.categories) {
    if (std::ranges::find(class_names, category.name) == class_names.end()) continue;
    const auto [same, is_new] = first.emplace(category.name, category.id);
    if (is_new) continue;
    becomes[category.id] = same->second;
    if (std::ranges::find(names, category.name) == names.end()) names.push_back(category.name);
  }
  if (becomes.empty()) return std::nullopt;
  CocoDataset merged = data;
  merged.merged = std::move(names);
  std::erase_if(merged.categories, [&](const CocoCategory& one) { return becomes.contains(one.id); });
  for (CocoAnnotation& annotation : merged.annotations)
    if (const auto other = becomes.find(annotation.category_id); other != becomes.end())
      annotation.category_id = other->second;
  return merged;
}

Ids categories_of(const std::vector<std::string>& class_names, const std::vector<CocoCategory>& categories) {
  Ids ids(class_names.size());
  for (std::size_t i = 0; i < class_names.size(); ++i)
    if (const auto found = std::ranges::find(categories, class_names[i], &CocoCategory::name);
        found != categories.end())
      ids[i] = found->id;
  if (std::ranges::any_of(ids, [](const auto& id) { return id.has_value(); })) return ids;
  for (std::size_t i = 0; i < std::min(ids.size(), categories.size()); ++i) ids[i] = categories[i].id;
  return ids;
}

bool Unmatched::lowers_scores() const {
  return std::ranges::any_of(categories, [](const Category& category) { return category.annotations > 0; });
}

std::vector<std::string> Unmatched::sentences(const std::string& model) const {
  std::vector<std::string> lines;
  if (by_index)
    lines.push_back(fmt::format(
        "{}: no class is called as a category of the data: they are matched by their order", model));
  if (!merged.empty())
    lines.push_back(fmt::format(
        "{}: several of the data's categories have one name ({}): they count as one", model, listed(merged)));
  std::vector<std::string> counted;
  for (const Category& category : categories)
    if (category.annotations > 0) counted.push_back(category.name);
  if (!counted.empty())
    lines.push_back(fmt::format(
        "{}: {} of the data's categories {} no class of the model ({}): {} objects count as never found; AP "
        "without them stands beside",
        model, counted.size(), counted.size() == 1 ? "has" : "have", listed(counted), [&] {
          int sum = 0;
          for (const Category& category : categories) sum += category.annotations;
          return sum;
        }()));
  if (!classes.empty())
    lines.push_back(fmt::format(
        "{}: {} of the model's classes {} no category in the data ({}): what is found of {} is left out",
        model, classes.size(), classes.size() == 1 ? "has" : "have", listed(classes),
        classes.size() == 1 ? "it" : "them"));
  return lines;
}

Unmatched find_unmatched(const std::vector<std::string>& class_names, const Ids& categories,
                         const CocoDataset& truth) {
  Unmatched unmatched;
  const std::set<std::int64_t> matched = matched_ids(categories);
  std::map<std::int64_t, Unmatched::Category> left;
  for (const CocoCategory& category : truth.categories)
    if (!matched.contains(category.id)) left[category.id].name = category.name;
  for (const CocoAnnotation& annotation : truth.annotations)
    if (const auto category = left.find(annotation.category_id); category != left.end())
      ++category->second.annotations;
  for (const auto& [id, category] : left) unmatched.categories.push_back(category);
  for (std::size_t i = 0; i < class_names.size(); ++i)
    if (!categories[i]) unmatched.classes.push_back(class_names[i]);
  for (const std::string& name : truth.merged)
    if (std::ranges::find(class_names, name) != class_names.end()) unmatched.merged.push_back(name);
  unmatched.by_index = std::ranges::none_of(truth.categories, [&](const CocoCategory& category) {
    return std::ranges::find(class_names, category.name) != class_names.end();
  });
  return unmatched;
}

CocoDataset matched_part(const CocoDataset& truth, const Ids& categories) {
  const std::set<std::int64_t> matched = matched_ids(categories);
  CocoDataset part{truth.images, {}, {}};
  for (const CocoCategory& category : truth.categories)
    if (matched.contains(category.id)) part.categories.push_back(category);
  for (const CocoAnnotation& annotation : truth.annotations)
    if (matched.contains(annotation.category_id)) part.annotations.push_back(annotation);
  return part;
}

}  // namespace peregrine::validate
