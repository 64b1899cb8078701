// `peregrine val` as a library: real models against the scores recorded from Ultralytics' detections and pycocotools.
#include "validate/validation.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "peregrine/error.h"
#include "support/test_data.h"
#include "validate/detector_validation.h"

namespace peregrine::validate {
namespace {

constexpr double limit = 0.003;

Settings cpu_settings() {
  Settings settings = load_settings({}).settings;
  settings.force_gpu_only = false;
  return settings;
}

const ValidationProgress silent = [](std::size_t, std::size_t, const std::string&) { return true; };

TEST(Validation, AveragePrecisionIsThatOfUltralytics) {
  PEREGRINE_NEED_SHARED_DATA(data);
  std::ifstream file(data / "golden" / "val.json");
  const auto golden = nlohmann::json::parse(file);
  ValidationOptions options{{}, data / "coco", "openvino"};
  for (const auto& [name, scores] : golden.items()) options.models.push_back(data / "weights" / name);
  ASSERT_EQ(options.models.size(), 4u);
  for (const ModelScores& scores : validate_models(cpu_settings(), options, silent)) {
    const auto& expected = golden.at(scores.model.name);
    EXPECT_EQ(scores.coco.size(), expected.size() - 1) << "beside what Ultralytics itself prints";
    for (const auto& [metric, summary] : scores.coco) {
      EXPECT_NEAR(summary.ap, expected.at(to_string(metric)).at("AP").get<double>(), limit) << scores.model.name;
      EXPECT_NEAR(summary.ap50, expected.at(to_string(metric)).at("AP50").get<double>(), limit) << scores.model.name;
    }
  }
}

TEST(Validation, MissingDataIsNamed) {
  const test::TemporaryFolder folder;
  const ValidationOptions options{{test::repository_file("models/demo/demo-detect.pt")}, folder.path(), "openvino"};
  try {
    validate_models(cpu_settings(), options, silent);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "validation.dataset");
    EXPECT_NE(error.sentence().find("instances_val2017.json"), std::string::npos);
  }
}

using Ids = std::vector<std::optional<std::int64_t>>;

TEST(Validation, ClassesFindTheirCategoriesByName) {
  const std::vector<CocoCategory> categories{{1, "person"}, {3, "car"}};
  EXPECT_EQ(categories_of({"car", "tree", "person"}, categories), (Ids{3, {}, 1}));
}

TEST(Validation, ClassesWithOtherNamesGoByIndex) {
  const std::vector<CocoCategory> categories{{1, "person"}, {3, "car"}};
  EXPECT_EQ(categories_of({"0", "1", "2"}, categories), (Ids{1, 3, {}}));
}

}  // namespace
}  // namespace peregrine::validate
