// Matches a model's classes with the categories of annotated images.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/validate/coco_dataset.h"

namespace peregrine::validate {

/// The data with the objects of all categories that have one name given to the first of them, where a class
/// of the model is called so: it cannot tell them apart. The names are in `merged`. Nothing where there are
/// none.
std::optional<CocoDataset> merge_same_names(const CocoDataset& data,
                                            const std::vector<std::string>& class_names);

/// Class index -> category id, nothing where the data has no such category: by name, or by index (of the
/// categories in order of their ids) when no name of the model occurs at all.
std::vector<std::optional<std::int64_t>> categories_of(const std::vector<std::string>& class_names,
                                                       const std::vector<CocoCategory>& categories);

/// What has no counterpart. A score that counts it says less of the model than of the names.
struct Unmatched {
  struct Category {
    std::string name;
    int annotations = 0;  ///< each counts as an object that was never found
  };
  bool by_index = false;             ///< no name occurred on both sides
  std::vector<Category> categories;  ///< of the data: no class is called so
  std::vector<std::string>
      classes;  ///< of the model: no category is called so; what is found of them is left out
  std::vector<std::string> merged;  ///< names of several categories of the data, which count as one

  /// Whether the average precision counts categories that the model cannot find.
  bool lowers_scores() const;
  bool any() const { return by_index || !categories.empty() || !classes.empty() || !merged.empty(); }
  /// Sentences for the log, each about one side; none where all is matched by name.
  std::vector<std::string> sentences(const std::string& model) const;
};

Unmatched find_unmatched(const std::vector<std::string>& class_names,
                         const std::vector<std::optional<std::int64_t>>& categories,
                         const CocoDataset& truth);

/// The data without the annotations of categories that no class belongs to.
CocoDataset matched_part(const CocoDataset& truth,
                         const std::vector<std::optional<std::int64_t>>& categories);

}  // namespace peregrine::validate
