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
  settings.store.clear();  // not the user's: engines are built anew
  settings.force_gpu_only = false;
  return settings;
}

const ValidationProgress silent = [](std::size_t, std::size_t, const std::string&) { return true; };

nlohmann::json read_json(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return nlohmann::json::parse(stream);
}

/// Every metric that `golden` has for a model, and no other.
void expect_scores(const ModelScores& scores, nlohmann::json golden) {
  golden.erase("ultralytics");  // what Ultralytics itself prints, by a rule of its own
  EXPECT_EQ(scores.coco.size(), golden.size()) << scores.model.name;
  for (const auto& [metric, summary] : scores.coco) {
    const auto& expected = golden.at(to_string(metric));
    EXPECT_NEAR(summary.ap, expected.at("AP").get<double>(), limit) << scores.model.name << " " << to_string(metric);
    EXPECT_NEAR(summary.ap50, expected.at("AP50").get<double>(), limit) << scores.model.name << " " << to_string(metric);
  }
}

TEST(Validation, AveragePrecisionIsThatOfUltralytics) {
  PEREGRINE_NEED_SHARED_DATA(data);
  const auto golden = read_json(data / "golden" / "val.json");
  ValidationOptions options{{}, data / "coco", "openvino"};
  for (const auto& [name, scores] : golden.items()) options.models.push_back(data / "weights" / name);
  ASSERT_EQ(options.models.size(), 4u);
  for (const ModelScores& scores : validate_models(cpu_settings(), options, silent))
    expect_scores(scores, golden.at(scores.model.name));
}

TEST(Validation, AveragePrecisionOfTheDemoModelsIsThatOfUltralytics) {
  const auto golden = read_json(test::repository_file("tests/validate/data/demo_val.json"));
  const auto demo = test::repository_file("models/demo");
  const ValidationOptions options{
      {demo / "demo-detect.pt", demo / "demo-pose.pt", demo / "demo-segment.pt"}, demo / "held-out", "openvino"};
  std::size_t told = 0;
  const auto scores = validate_models(cpu_settings(), options, [&](std::size_t done, std::size_t total, const std::string&) {
    EXPECT_EQ(done, ++told);
    EXPECT_EQ(total, 40u);
    return true;
  });
  ASSERT_EQ(scores.size(), 3u);
  EXPECT_EQ(told, 40u);
  for (const ModelScores& own : scores) {
    expect_scores(own, golden.at(own.model.name));
    // What the demo models have to be good for.
    for (const auto& [metric, summary] : own.coco)
      EXPECT_GE(summary.ap50, metric == Metric::bbox ? 0.9 : 0.8) << own.model.name << " " << to_string(metric);
  }
}

TEST(Validation, RetrievalOfTheDemoModelIsThatOfTorch) {
  const auto golden = read_json(test::repository_file("tests/validate/data/demo_val.json")).at("demo-reid.pth").at("reid");
  const auto demo = test::repository_file("models/demo");
  const auto scores = validate_models(cpu_settings(), {{demo / "demo-reid.pth"}, demo / "scenes" / "reid", "openvino"}, silent);
  ASSERT_TRUE(scores.at(0).retrieval);
  EXPECT_NEAR(scores[0].retrieval->rank1, golden.at("rank1").get<double>(), limit);
  EXPECT_GE(scores[0].retrieval->rank1, 0.9);
  EXPECT_NEAR(scores[0].retrieval->map, golden.at("mAP").get<double>(), limit);
}

TEST(Validation, StopsWhenToldTo) {
  const auto demo = test::repository_file("models/demo");
  const auto stop = [](std::size_t done, std::size_t, const std::string&) { return done < 2; };
  EXPECT_THROW(validate_models(cpu_settings(), {{demo / "demo-detect.pt"}, demo / "scenes", "openvino"}, stop), Error);
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
