#include "predictor/class_filter.h"

#include <gmock/gmock.h>

#include "peregrine/error.h"
#include "support/error_text.h"

namespace peregrine::predictor {
namespace {

using testing::HasSubstr;
using Names = std::vector<std::string>;

ModelInfo model(Names names, std::string name = "m.pt") {
  ModelInfo info;
  info.name = std::move(name);
  info.class_names = std::move(names);
  return info;
}

/// Of one model.
std::vector<int> classes_of(const Names& names, const Names& wanted) {
  return resolve_classes({model(names)}, wanted).front();
}

std::string failure(const std::vector<ModelInfo>& models, const Names& wanted) {
  try {
    resolve_classes(models, wanted);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "usage.classes");
    return error.sentence() + " " + error.hint();
  }
  return "no failure";
}

TEST(ClassFilter, NamesAndNumbers) {
  const Names names{"person", "car", "dog"};
  EXPECT_EQ(classes_of(names, {}), std::vector<int>{});
  EXPECT_EQ(classes_of(names, {"dog", "0", "0"}), (std::vector<int>{0, 2}));
  EXPECT_EQ(classes_of(names, {"dog,0"}), (std::vector<int>{0, 2}));
  EXPECT_EQ(classes_of(names, {" dog , car,"}), (std::vector<int>{1, 2}));
}

TEST(ClassFilter, ANameMeansAllItsClasses) {
  EXPECT_EQ(classes_of({"thing", "car", "thing", "thing"}, {"thing"}), (std::vector<int>{0, 2, 3}));
  EXPECT_EQ(resolve_classes({model({"thing", "car"}), model({"a", "thing"})}, {"thing"}),
            (ClassesByModel{{0}, {1}}));
}

TEST(ClassFilter, ANumberIsAnIndexAlsoWhereANameIsThatNumber) {
  const Names names{"7", "8", "0", "1"};
  EXPECT_EQ(classes_of(names, {"0"}), std::vector<int>{0});
  EXPECT_EQ(classes_of(names, {"1,2"}), (std::vector<int>{1, 2}));
  EXPECT_EQ(classes_of(names, {"name:0"}), std::vector<int>{2});
  EXPECT_EQ(classes_of(names, {"name:7,name:1"}), (std::vector<int>{0, 3}));
  EXPECT_THAT(failure({model(names)}, {"7"}), HasSubstr("No model has a class \"7\"."));
  EXPECT_THAT(failure({model(names)}, {"7"}), HasSubstr("--classes name:7"));
}

TEST(ClassFilter, ANameMayHoldCommasAndSpaces) {
  const Names names{"traffic light, red", "person", "a,b", "a", "b", " c", "name:x", "x"};
  EXPECT_EQ(classes_of(names, {"traffic light, red", "person"}), (std::vector<int>{0, 1}));
  EXPECT_EQ(classes_of(names, {"a,b"}), std::vector<int>{2}) << "the whole text is a name";
  EXPECT_EQ(classes_of(names, {"b,a"}), (std::vector<int>{3, 4}));
  EXPECT_EQ(classes_of(names, {" c"}), std::vector<int>{5});
  EXPECT_EQ(classes_of(names, {"name:x"}), std::vector<int>{6}) << "the whole text is a name";
  EXPECT_EQ(classes_of(names, {"name:person"}), std::vector<int>{1});
  EXPECT_EQ(classes_of(names, {"name:traffic light, red"}), std::vector<int>{0});
}

TEST(ClassFilter, AModelWithNoneOfTheClassesKeepsNothing) {
  EXPECT_EQ(resolve_classes({model({"person"}), model({"car"})}, {"car"}), (ClassesByModel{{-1}, {0}}));
  EXPECT_EQ(resolve_classes({model({"person"}), model({"a", "b"})}, {"1"}), (ClassesByModel{{-1}, {1}}));
}

TEST(ClassFilter, WhatNoModelHasIsAnErrorThatNamesTheClassesOfAll) {
  const std::vector<ModelInfo> models{model({"person"}, "one.pt"), model({"car", "bus"}, "two.pt")};
  for (const char* unknown : {"caar", "", ",", "car,caar", "name:", "name:caar", "-1", "2", "99999999999"})
    EXPECT_THAT(failure(models, {unknown}), HasSubstr("No model has a class")) << unknown;
  EXPECT_THAT(failure(models, {"caar"}), HasSubstr("one.pt knows: person. two.pt knows: car, bus."));
  EXPECT_THAT(failure(models, {"2"}),
              HasSubstr("The classes of one.pt are 0 to 0. The classes of two.pt are 0 to 1."));
}

TEST(ReidClasses, AreThoseOfEveryModel) {
  const std::vector<ModelInfo> models{model({"car"}), model({"dog", "person"}), model({"person", "person"})};
  EXPECT_EQ(resolve_reid_classes(models, {"person"}), (ClassesByModel{{}, {1}, {0, 1}}));
  EXPECT_EQ(resolve_reid_classes(models, {"dog", "0"}), (ClassesByModel{{0}, {0}, {0}}));
  EXPECT_THROW(resolve_reid_classes({model({"car"})}, {"person"}), Error);
  EXPECT_THAT(test::error_text([&] { resolve_reid_classes(models, {}); }),
              HasSubstr("Name one with --reid-class, e.g. person."));
  try {
    resolve_reid_classes({model({"car"}, "one.pt"), model({"bus"}, "two.pt")}, {"person"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "usage.reid_class");
    EXPECT_THAT(error.hint(),
                testing::AllOf(HasSubstr("one.pt knows: car."), HasSubstr("two.pt knows: bus.")));
  }
}

}  // namespace
}  // namespace peregrine::predictor
