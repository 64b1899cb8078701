// `peregrine val` as a library: real models against the scores recorded from Ultralytics' detections and
// pycocotools.
#include "tools/validate/validation.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "formats/model.h"
#include "formats/onnx/write/export.h"
#include "peregrine/error.h"
#include "support/test_data.h"
#include "tools/validate/category_matching.h"

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
    EXPECT_NEAR(summary.ap, expected.at("AP").get<double>(), limit)
        << scores.model.name << " " << to_string(metric);
    EXPECT_NEAR(summary.ap50, expected.at("AP50").get<double>(), limit)
        << scores.model.name << " " << to_string(metric);
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
  const auto golden = read_json(test::repository_file("tests/tools/validate/data/demo_val.json"));
  const auto demo = test::repository_file("models/demo");
  const ValidationOptions options{{demo / "demo-detect.pt", demo / "demo-pose.pt", demo / "demo-segment.pt"},
                                  demo / "held-out",
                                  "openvino"};
  std::size_t told = 0;
  const auto scores =
      validate_models(cpu_settings(), options, [&](std::size_t done, std::size_t total, const std::string&) {
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
      EXPECT_GE(summary.ap50, metric == Metric::bbox ? 0.9 : 0.8)
          << own.model.name << " " << to_string(metric);
  }
}

TEST(Validation, RetrievalOfTheDemoModelIsThatOfTorch) {
  const auto golden = read_json(test::repository_file("tests/tools/validate/data/demo_val.json"))
                          .at("demo-reid.pth")
                          .at("reid");
  const auto demo = test::repository_file("models/demo");
  const auto scores = validate_models(
      cpu_settings(), {{demo / "demo-reid.pth"}, demo / "scenes" / "reid", "openvino"}, silent);
  ASSERT_TRUE(scores.at(0).retrieval);
  EXPECT_NEAR(scores[0].retrieval->rank1, golden.at("rank1").get<double>(), limit);
  EXPECT_GE(scores[0].retrieval->rank1, 0.9);
  EXPECT_NEAR(scores[0].retrieval->map, golden.at("mAP").get<double>(), limit);
}

TEST(Validation, StopsWhenToldTo) {
  const auto demo = test::repository_file("models/demo");
  const auto stop = [](std::size_t done, std::size_t, const std::string&) { return done < 2; };
  EXPECT_THROW(
      validate_models(cpu_settings(), {{demo / "demo-detect.pt"}, demo / "scenes", "openvino"}, stop), Error);
}

TEST(Validation, MissingDataIsNamed) {
  const test::TemporaryFolder folder;
  const ValidationOptions options{
      {test::repository_file("models/demo/demo-detect.pt")}, folder.path(), "openvino"};
  try {
    validate_models(cpu_settings(), options, silent);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "validation.dataset");
    EXPECT_NE(error.sentence().find("instances_val2017.json"), std::string::npos);
  }
}

/// Two of the demo's four categories renamed: found by nobody. The right values are pycocotools' of
/// Ultralytics' detections, recorded category by category.
TEST(Validation, CategoriesThatNoClassHasAreNamedAndLeftOutBeside) {
  const auto demo = test::repository_file("models/demo");
  const auto golden = read_json(test::repository_file("tests/tools/validate/data/demo_val.json"))
                          .at("demo-detect.pt by category");
  const test::TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "annotations");
  std::filesystem::create_directory_symlink(demo / "held-out" / "val2017", folder.path() / "val2017");
  auto truth = read_json(demo / "held-out" / "annotations" / "instances_val2017.json");
  for (auto& category : truth.at("categories")) {
    if (category.at("name") == "ball") category["name"] = "sphere";
    if (category.at("name") == "sign") category["name"] = "plate";
  }
  std::ofstream(folder.path() / "annotations" / "instances_val2017.json") << truth;
  const ValidationOptions options{{demo / "demo-detect.pt"}, folder.path(), "openvino"};
  const auto scores = validate_models(cpu_settings(), options, silent).at(0);
  const Unmatched& unmatched = scores.unmatched;
  ASSERT_EQ(unmatched.categories.size(), 2u);
  EXPECT_EQ(unmatched.categories[0].name, "sphere");
  EXPECT_EQ(unmatched.categories[0].annotations, 51);
  EXPECT_EQ(unmatched.categories[1].name, "plate");
  EXPECT_EQ(unmatched.categories[1].annotations, 46);
  EXPECT_EQ(unmatched.classes, (std::vector<std::string>{"ball", "sign"}));
  EXPECT_FALSE(unmatched.by_index);
  ASSERT_EQ(scores.matched.size(), 1u);
  const double of_both = golden.at("person").get<double>() + golden.at("car").get<double>();
  EXPECT_NEAR(scores.coco.at(0).second.ap, of_both / 4, limit);
  EXPECT_NEAR(scores.matched[0].ap, of_both / 2, limit);
  const auto json = nlohmann::json::parse(to_json({scores}));
  EXPECT_NEAR(json.at("bbox").at("matched").at("AP").get<double>(), scores.matched[0].ap, 1e-9);
  EXPECT_EQ(json.at("names").at("matched_by"), "name");
  EXPECT_EQ(json.at("names").at("unmatched_categories").at(1).at("name"), "plate");
  EXPECT_EQ(json.at("names").at("unmatched_classes").size(), 2u);
}

/// Each model is measured by the annotations as its own names have them: two categories of one name count as
/// one for the model that has that name, and stay two for the model whose classes go by their order. The
/// right value of the latter is pycocotools' of Ultralytics' detections, to which names do not matter.
TEST(Validation, ModelsBesideItDoNotChangeTheScoresOfAModel) {
  const auto demo = test::repository_file("models/demo");
  const auto golden = read_json(test::repository_file("tests/tools/validate/data/demo_val.json"))
                          .at("demo-detect.pt")
                          .at("bbox");
  const test::TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "annotations");
  std::filesystem::create_directory_symlink(demo / "held-out" / "val2017", folder.path() / "val2017");
  auto truth = read_json(demo / "held-out" / "annotations" / "instances_val2017.json");
  truth.at("categories").at(3)["name"] = truth.at("categories").at(2).at("name");
  std::ofstream(folder.path() / "annotations" / "instances_val2017.json") << truth;
  const auto named = demo / "demo-detect.pt", renamed = folder.path() / "renamed.onnx";
  const Model model = load_model(named);
  ModelInfo info = model.info();
  info.class_names = {"one", "two", "three", "four"};
  onnx::export_model(Model(info, [&](const InputShape& shape) { return model.graph(shape); }),
                     {.precision = DType::f32}, renamed);
  const auto scores = validate_models(cpu_settings(), {{named, renamed}, folder.path(), "openvino"}, silent);
  const ModelScores &by_name = scores.at(0), &by_order = scores.at(1);
  EXPECT_EQ(by_name.unmatched.merged, std::vector<std::string>{"ball"});
  EXPECT_EQ(by_name.unmatched.classes, std::vector<std::string>{"sign"});
  EXPECT_TRUE(by_order.unmatched.by_index);
  EXPECT_TRUE(by_order.unmatched.merged.empty());
  EXPECT_TRUE(by_order.unmatched.classes.empty());
  EXPECT_NEAR(by_order.coco.at(0).second.ap, golden.at("AP").get<double>(), limit);
  EXPECT_LT(by_name.coco.at(0).second.ap, by_order.coco.at(0).second.ap);
}

TEST(Validation, WhatHasNoCounterpartIsSaid) {
  CocoDataset truth{{}, {{1, "person"}, {3, "car"}, {4, "tree"}}, {}};
  for (const std::int64_t category : {3, 3}) truth.annotations.emplace_back().category_id = category;
  const std::vector<std::string> names{"person", "dog"};
  const auto said = find_unmatched(names, categories_of(names, truth.categories), truth).sentences("m.pt");
  ASSERT_EQ(said.size(), 2u);
  EXPECT_EQ(said[0],
            "m.pt: 1 of the data's categories has no class of the model (car): 2 objects count "
            "as never found; "
            "AP without them stands beside");
  EXPECT_EQ(
      said[1],
      "m.pt: 1 of the model's classes has no category in the data (dog): what is found of it is left out");
  const std::vector<std::string> numbers{"0", "1", "2"};
  const auto by_index = find_unmatched(numbers, categories_of(numbers, truth.categories), truth);
  EXPECT_TRUE(by_index.by_index);
  EXPECT_NE(by_index.sentences("m.pt").at(0).find("by their order"), std::string::npos);
  const std::vector<std::string> all{"person", "car", "tree"};
  const CocoDataset bare{{}, truth.categories, {}};
  EXPECT_TRUE(find_unmatched(all, categories_of(all, bare.categories), bare).sentences("m.pt").empty());
}

/// Two images with an object each, found to 1 and to 0.9: pycocotools gives 0.95, whatever strays beside.
class SmallData : public testing::Test {
 protected:
  static ModelScores score(const nlohmann::json& truth, const std::string& second = "y") {
    const test::TemporaryFolder folder;
    std::filesystem::create_directory(folder.path() / "annotations");
    std::ofstream(folder.path() / "annotations" / "instances_val2017.json") << truth;
    ModelInfo model;
    model.task = Task::detect;
    model.name = "m.pt";
    model.class_names = {"x", second};
    Object first, other;
    first.class_id = 0, first.confidence = 0.9f, first.box = {0, 0, 50, 50};
    other.class_id = second == "y", other.confidence = 0.8f, other.box = {0, 0, 40, 36};
    return score_detections(model, folder.path(), {{"a.jpg", {first}}, {"b.jpg", {other}}});
  }
  static nlohmann::json truth() {
    return nlohmann::json::parse(R"({"images": [
      {"id": 1, "file_name": "a.jpg", "width": 99, "height": 99},
      {"id": 2, "file_name": "b.jpg", "width": 99, "height": 99}],
      "categories": [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}], "annotations": [
      {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 50, 50], "area": 2500, "iscrowd": 0},
      {"id": 2, "image_id": 2, "category_id": 2, "bbox": [0, 0, 40, 40], "area": 1600, "iscrowd": 0}]})");
  }
  static nlohmann::json stray(int image, int category) {
    return {{"id", 3},   {"image_id", image}, {"category_id", category}, {"bbox", {0, 0, 30, 30}},
            {"area", 900}, {"iscrowd", 0}};
  }
};

TEST_F(SmallData, AnnotationsOfNoImageAndOfNoCategoryAreLeftOutAndCounted) {
  EXPECT_NEAR(score(truth()).coco.at(0).second.ap, 0.95, 1e-6);
  EXPECT_FALSE(nlohmann::json::parse(to_json({score(truth())})).contains("left_out"));
  auto more = truth();
  for (const auto& [image, category] : {std::pair{99, 1}, {99, 2}, {1, 77}})
    more["annotations"].push_back(stray(image, category));
  const ModelScores scores = score(more);
  EXPECT_NEAR(scores.coco.at(0).second.ap, 0.95, 1e-6);
  const auto json = nlohmann::json::parse(to_json({scores}));
  EXPECT_EQ(json.at("left_out"), (nlohmann::json{{"without_image", 2}, {"without_category", 1}}));
}

TEST_F(SmallData, WhatWasNotMeasuredIsNullOrAnError) {
  auto none = truth();
  none["annotations"] = {stray(99, 1), stray(1, 77)};
  EXPECT_THROW(score(none), Error);
  none["annotations"] = nlohmann::json::array();
  EXPECT_THROW(score(none), Error);
  none = truth();
  none["images"] = nlohmann::json::array();
  EXPECT_THROW(score(none), Error);
  none = truth();
  for (auto& annotation : none["annotations"]) annotation["iscrowd"] = 1;
  EXPECT_THROW(score(none), Error);
  const ModelScores scores{.coco = {{Metric::keypoints, CocoSummary{}}}};
  EXPECT_TRUE(nlohmann::json::parse(to_json({scores})).at("keypoints").at("AP").is_null());
}

TEST_F(SmallData, CategoriesOfOneNameCountAsOne) {
  auto twice = truth();
  twice["categories"] = nlohmann::json::parse(R"([{"id": 1, "name": "x"}, {"id": 2, "name": "x"}])");
  const ModelScores scores = score(twice, "z");  // both objects are found as x
  EXPECT_EQ(scores.unmatched.merged, std::vector<std::string>{"x"});
  EXPECT_TRUE(scores.unmatched.categories.empty());
  EXPECT_TRUE(scores.matched.empty());
  twice["categories"] = nlohmann::json::parse(R"([{"id": 1, "name": "x"}, {"id": 2, "name": "w"}])");
  for (auto& annotation : twice["annotations"]) annotation["category_id"] = 1;
  EXPECT_EQ(scores.coco.at(0).second.ap, score(twice, "z").coco.at(0).second.ap);
  EXPECT_GT(scores.coco.at(0).second.ap, 0.9);
}

TEST_F(SmallData, OneFileUnderTwoIdsIsFoundUnderBoth) {
  auto twice = truth();
  twice["images"].push_back({{"id", 3}, {"file_name", "a.jpg"}, {"width", 99}, {"height", 99}});
  twice["annotations"].push_back(stray(3, 1));
  twice["annotations"].back()["bbox"] = {0, 0, 50, 50};
  EXPECT_NEAR(score(twice).coco.at(0).second.ap, 0.95, 1e-6);
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
