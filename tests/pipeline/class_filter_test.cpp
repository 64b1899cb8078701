#include "pipeline/class_filter.h"

#include <gtest/gtest.h>

#include "peregrine/error.h"

namespace peregrine::pipeline {
namespace {

ModelInfo model(std::vector<std::string> names) {
  ModelInfo info;
  info.name = "m.pt";
  info.class_names = std::move(names);
  return info;
}

TEST(ClassFilter, NamesAndNumbers) {
  const ModelInfo info = model({"person", "car", "dog"});
  EXPECT_EQ(resolve_classes(info, {}), std::vector<int>{});
  EXPECT_EQ(resolve_classes(info, {"dog", "0"}), (std::vector<int>{2, 0}));
  EXPECT_THROW(resolve_classes(info, {"3"}), Error);
}

TEST(ClassFilter, AModelWithNoneOfTheClassesKeepsNothing) {
  EXPECT_EQ(resolve_classes(model({"person"}), {"car"}), std::vector<int>{-1});
}

TEST(ClassFilter, ANameThatNoModelHasIsAnError) {
  EXPECT_THROW(require_known_classes({model({"person"}), model({"car"})}, {"caar"}), Error);
  EXPECT_NO_THROW(require_known_classes({model({"person"}), model({"car"})}, {"car", "7"}));
}

TEST(ReidTarget, FirstModelThatHasTheClass) {
  const ReidTarget target = find_reid_target({model({"car"}), model({"dog", "person"})}, "person");
  EXPECT_EQ(target.model, 1);
  EXPECT_EQ(target.class_id, 1);
  EXPECT_THROW(find_reid_target({model({"car"})}, "person"), Error);
}

}  // namespace
}  // namespace peregrine::pipeline
