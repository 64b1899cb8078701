// The command on good input: JSON as the design promises it, images, several models in one pass, completion.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "command.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

std::string demo(const std::string& name) { return test::repository_file("models/demo/" + name).string(); }

TEST(Predict, FourModelsInOnePass) {
  const test::TemporaryFolder folder;
  const auto result = test::run_command(
      {"predict",  "--allow-cpu",           "--engine", "openvino",
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
    EXPECT_TRUE(std::filesystem::exists(
        folder.path() / std::filesystem::path(image.at("path").get<std::string>()).filename()));
  }
  EXPECT_GT(embeddings, 8);
  EXPECT_GT(keypoints, 8);
  EXPECT_GT(masks, 8);
}

TEST(Predict, WithoutAGpuItFailsInTheDesignsWords) {
  const auto result = test::run_command({"predict", "--engine", "openvino", "--model", demo("demo-detect.pt"),
                                         "--source", demo("scenes/val2017")});
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.err, testing::HasSubstr("FORCE_GPU_ONLY enabled but CUDA not available"));
  EXPECT_THAT(result.err, testing::HasSubstr("--allow-cpu"));
}

/// What the debug log owes for one image and one model: which device and engine, which shapes, what each step
/// took.
TEST(Predict, TheDebugLogSaysDeviceEngineShapesAndTimes) {
  const test::TemporaryFolder folder;
  const auto result = test::run_command(
      {"predict", "-v", "--allow-cpu", "--engine", "openvino", "--model", demo("demo-detect.pt"), "--source",
       demo("scenes/val2017/000000.jpg"), "--store", folder.path().string()});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, testing::ContainsRegex(
                              "demo-detect.pt: detect on the openvino engine, cpu, input 1x3x320x320, fp32"));
  EXPECT_THAT(result.err,
              testing::ContainsRegex("000000.jpg: 640x480, decode [0-9.]+ ms, preprocess [0-9.]+ ms, "
                                     "inference [0-9.]+ ms, postprocess [0-9.]+ ms"));
  EXPECT_LT(std::ranges::count(result.err, '\n'), 20) << result.err;
}

TEST(Predict, TakesHeightAndWidthAndClassesByNameAndIndex) {
  const test::TemporaryFolder folder;
  std::vector<std::string> words{"predict",
                                 "-v",
                                 "--allow-cpu",
                                 "--engine",
                                 "openvino",
                                 "--model",
                                 demo("demo-detect.pt"),
                                 "--source",
                                 demo("held-out/val2017/000003.jpg"),
                                 "--store",
                                 folder.path().string(),
                                 "--json",
                                 "-",
                                 "--imgsz",
                                 "192,310"};
  const auto run = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = words;
    all.insert(all.end(), more.begin(), more.end());
    return test::run_command(all);
  };
  const auto result = run({"--classes", "car, 3", "--classes", "name:ball"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, testing::HasSubstr("input 1x3x192x320"));
  EXPECT_THAT(result.err, testing::HasSubstr("the input size 192,310 is rounded up to 192,320"));
  std::map<std::string, int> found;
  const auto json = nlohmann::json::parse(result.out);
  for (const auto& object : json.at("images").at(0).at("objects")) ++found[object.at("name")];
  EXPECT_EQ(found, (std::map<std::string, int>{{"car", 3}, {"sign", 2}}));
  const auto unknown = run({"--classes", "person,trees"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_THAT(unknown.err, testing::HasSubstr("No model has a class \"trees\"."));
  EXPECT_THAT(unknown.err, testing::HasSubstr("demo-detect.pt knows: person, car, ball, sign."));
}

/// The design's table of commands and flags.
const std::map<std::string, std::vector<std::string>> contract{
    {"predict",
     {"--model", "--reid", "--source", "--conf", "--iou", "--imgsz", "--max-det", "--classes", "--batch",
      "--rect", "--json", "--save", "--unverified", "--strict-decode", "--max-pixels", "--every",
      "--reid-class"}},
    {"export", {"-o", "--batch", "--imgsz", "--decoded"}},
    {"build",
     {"--batch", "--imgsz", "--images", "--workspace", "--opt-level", "--timing-cache", "--ultralytics",
      "--out"}},
    {"engines", {"list", "show", "verify", "remove", "use", "restore"}},  // the common flags are theirs
    {"val", {"--model", "--data", "--json"}},
    {"bench", {"--model", "--batch", "--json", "--layers"}},
    {"audit", {"--model", "--source"}},
    {"selftest", {"--guard"}},
    {"migrate",
     {"--detect", "--pose", "--segment", "--reid", "--validate-only", "--force-rebuild", "--rollback",
      "--report", "--json"}},
    {"explain", {"A", "B", "--image"}},
    {"doctor", {}},
    {"config", {}},
};
const std::vector<std::string> common_flags{"--engine",   "--precision", "--device", "--allow-cpu",
                                            "--tensorrt", "--config",    "--store",  "--quiet",
                                            "-v",         "--log-json"};

/// The first word of each line that names a flag and says nothing of it, there or in the next line.
std::vector<std::string> without_words(const std::string& help) {
  std::vector<std::string> lines, found;
  std::istringstream text(help);
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].starts_with("  -")) continue;
    const bool here = lines[i].size() > 30 && lines[i].find_first_not_of(' ', 30) != std::string::npos;
    const bool next = i + 1 < lines.size() && lines[i + 1].starts_with(std::string(30, ' '));
    if (!here && !next) found.push_back(lines[i]);
  }
  return found;
}

TEST(Help, EveryCommandExplainsItself) {
  const auto top = test::run_command({"--help"});
  EXPECT_EQ(top.status, 0);
  for (const auto& [command, flags] : contract) {
    EXPECT_THAT(top.out, testing::HasSubstr("  " + command + " "));
    const auto help = test::run_command({command, "--help"});
    EXPECT_EQ(help.status, 0);
    const auto common = test::run_command({command, command == "engines" ? "list" : "--help", "--help"});
    for (const std::string& name : flags)
      EXPECT_THAT(help.out, testing::ContainsRegex("[ ,]" + name + "[ ,\n]")) << command << "\n" << help.out;
    for (const std::string& name : common_flags)
      EXPECT_THAT(common.out, testing::ContainsRegex("[ ,]" + name + "[ ,\n]")) << command << "\n"
                                                                                << common.out;
    EXPECT_THAT(help.out, testing::Not(testing::HasSubstr("ENUM"))) << command;
    EXPECT_THAT(without_words(help.out), testing::IsEmpty()) << command;
  }
}

TEST(Completion, KnowsCommandsAndFlags) {
  for (const char* shell : {"bash", "zsh"}) {
    const auto script = test::run_command({"completion", shell});
    EXPECT_EQ(script.status, 0);
    for (const auto& [command, flags] : contract) {
      EXPECT_THAT(script.out, testing::HasSubstr(command + ") flags=")) << shell;
      for (const std::string& flag : flags) {
        if (!flag.starts_with("--")) continue;
        EXPECT_THAT(script.out, testing::ContainsRegex(flag + "[ \"]")) << command;
      }
    }
  }
}

/// What the shell offers after `peregrine WORDS...`, the last of which is being typed.
std::string offered(const std::string& words) {
  const std::string script =
      R"(source "$0" && COMP_WORDS=(peregrine )" + words +
      R"() && COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) ; _peregrine; echo "${COMPREPLY[@]}")";
  const test::TemporaryFolder folder;
  std::ofstream(folder.path() / "completion") << test::run_command({"completion", "bash"}).out;
  std::ofstream(folder.path() / "script") << script;
  const std::string command = "bash -c \"$(cat '" + (folder.path() / "script").string() + "')\" '" +
                              (folder.path() / "completion").string() + "' > '" +
                              (folder.path() / "out").string() + "'";
  EXPECT_EQ(std::system(command.c_str()), 0);
  std::ifstream out(folder.path() / "out");
  std::string line;
  std::getline(out, line);
  return line;
}

TEST(Completion, WorksInBash) {
  EXPECT_EQ(offered("pred"), "predict");
  EXPECT_EQ(offered("predict --reid-"), "--reid-class");
  EXPECT_EQ(offered("engines re"), "remove restore");
  EXPECT_EQ(offered("engines list --js"), "--json");
}

}  // namespace
}  // namespace peregrine
