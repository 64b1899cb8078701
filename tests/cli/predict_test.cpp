// The command on good input: JSON as the design promises it, pictures, several models in one pass, completion.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "command.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

std::string demo(const std::string& name) { return test::repository_file("models/demo/" + name).string(); }

TEST(Predict, FourModelsInOnePass) {
  const test::TemporaryFolder folder;
  const auto result = test::run_command({"predict",  "--allow-cpu",           "--engine", "openvino",
                                         "--model",  demo("demo-detect.pt"),  "--model",  demo("demo-pose.pt"),
                                         "--model",  demo("demo-segment.pt"), "--reid",   demo("demo-reid.pth"),
                                         "--source", demo("scenes/val2017"),  "--json",   "-",
                                         "--save",   folder.path().string(),  "--store",  (folder.path() / "store").string()});
  ASSERT_EQ(result.status, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json.at("engine"), "openvino");
  EXPECT_EQ(json.at("precision"), "fp32");
  ASSERT_EQ(json.at("images").size(), 8u);
  int embeddings = 0, keypoints = 0, masks = 0;
  for (const auto& image : json.at("images")) {
    double last = 1;
    for (const auto& object : image.at("objects")) {
      EXPECT_LE(object.at("confidence"), last);
      last = object.at("confidence");
      embeddings += object.contains("embedding") && object["embedding"].size() == 512;
      keypoints += object.contains("keypoints") && object["keypoints"].size() == 17;
      masks += object.contains("mask");
      EXPECT_EQ(object.contains("mask"), object.at("task") == "segment");
    }
    EXPECT_TRUE(std::filesystem::exists(folder.path() / std::filesystem::path(image.at("path").get<std::string>()).filename()));
  }
  EXPECT_GT(embeddings, 8);
  EXPECT_GT(keypoints, 8);
  EXPECT_GT(masks, 8);
}

TEST(Predict, WithoutAGpuItFailsInTheDesignsWords) {
  const auto result = test::run_command(
      {"predict", "--engine", "openvino", "--model", demo("demo-detect.pt"), "--source", demo("scenes/val2017")});
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.err, testing::HasSubstr("FORCE_GPU_ONLY enabled but CUDA not available"));
  EXPECT_THAT(result.err, testing::HasSubstr("--allow-cpu"));
}

TEST(Help, EveryCommandExplainsItself) {
  const auto top = test::run_command({"--help"});
  EXPECT_EQ(top.status, 0);
  for (const char* command : {"predict", "export", "val", "bench", "config", "doctor"}) {
    EXPECT_THAT(top.out, testing::HasSubstr(command));
    const auto help = test::run_command({command, "--help"});
    EXPECT_EQ(help.status, 0);
    EXPECT_THAT(help.out, testing::HasSubstr("--allow-cpu"));
  }
}

TEST(Completion, KnowsCommandsAndFlags) {
  const auto script = test::run_command({"completion", "bash"});
  EXPECT_EQ(script.status, 0);
  EXPECT_THAT(script.out, testing::HasSubstr("predict"));
  EXPECT_THAT(script.out, testing::HasSubstr("--reid-class"));
}

}  // namespace
}  // namespace peregrine
