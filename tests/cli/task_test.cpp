// --task: what a model is whose file does not say it, in every command that reads one.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "command.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class TaskFlag : public testing::Test {
 protected:
  static std::string head(const std::string& name) {
    return test::repository_file("tests/formats/onnx/data/heads/" + name + ".onnx").string();
  }
  static std::string demo(const std::string& name) {
    return test::repository_file("models/demo/" + name).string();
  }
  test::CommandResult run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--allow-cpu", "--engine", "openvino"});
    return test::run_command(arguments, folder_.path().string());
  }
  static void expect_asks(const test::CommandResult& result) {
    EXPECT_EQ(result.status, 3) << result.out << result.err;
    EXPECT_THAT(result.out + result.err,
                AllOf(HasSubstr("classes_52.onnx"), HasSubstr("52 classes"), HasSubstr("--task")));
  }
  const std::string bare_ = head("classes_52"), scene_ = demo("scenes/val2017/000000.jpg");
  test::TemporaryFolder folder_;
};

TEST_F(TaskFlag, IsAskedForByEveryCommandWhereTheFileDoesNotSayIt) {
  expect_asks(run({"predict", "--model", bare_, "--source", scene_}));
  expect_asks(run({"export", bare_, "-o", "x.onnx", "--decoded"}));
  expect_asks(run({"build", bare_}));
  expect_asks(run({"val", "--model", bare_, "--data", demo("scenes")}));
  expect_asks(run({"bench", "--model", bare_, "--runs", "1"}));
  expect_asks(run({"audit", "--model", bare_, "--source", scene_}));
  expect_asks(run({"explain", bare_, bare_, "--image", scene_}));
}

TEST_F(TaskFlag, OfTheUserIsTakenByEveryCommand) {
  const std::vector<std::string> task{"--task", "detect"};
  const auto told = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), task.begin(), task.end());
    const auto result = run(arguments);
    EXPECT_THAT(result.out + result.err, testing::Not(HasSubstr("does not say"))) << arguments[0];
    return result;
  };
  const auto predicted =
      told({"predict", "--model", bare_, "--source", scene_, "--unverified", "--json", "-", "--conf", "0.1"});
  EXPECT_EQ(predicted.status, 0) << predicted.err;
  for (const auto& object : nlohmann::json::parse(predicted.out).at("images").at(0).at("objects"))
    EXPECT_EQ(object.at("task"), "detect");
  EXPECT_EQ(told({"export", bare_, "-o", "x.onnx", "--decoded"}).status, 0);
  told({"build", bare_});
  told({"val", "--model", bare_, "--data", demo("scenes")});
  told({"bench", "--model", bare_, "--runs", "1", "--unverified"});
  told({"audit", "--model", bare_, "--source", scene_});
  told({"explain", bare_, bare_, "--image", scene_});
  const auto again = run({"predict", "--model", "x.onnx", "--source", scene_, "--unverified"});
  EXPECT_EQ(again.status, 0) << "what was exported says what it is: " << again.err;
}

TEST_F(TaskFlag, IsOneForEachOfSeveralModels) {
  const auto both = run({"predict", "--model", demo("demo-pose.pt"), "--model", bare_, "--task",
                         "pose,detect", "--source", scene_, "--unverified", "--json", "-"});
  EXPECT_EQ(both.status, 0) << both.err;
  const auto three = run({"predict", "--model", bare_, "--task", "pose,detect", "--source", scene_});
  EXPECT_EQ(three.status, 2);
  EXPECT_THAT(three.err, HasSubstr("2 tasks for 1 model"));
}

TEST_F(TaskFlag, ThatTheFileContradictsIsAnError) {
  const auto wrong =
      run({"predict", "--model", demo("demo-detect.pt"), "--task", "pose", "--source", scene_});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.err, AllOf(HasSubstr("demo-detect.pt is a detect model"), HasSubstr("--task")));
  EXPECT_EQ(run({"predict", "--model", bare_, "--task", "person", "--source", scene_}).status, 2);
  const auto keypoints = run({"export", demo("demo-pose.pt"), "-o", "x.onnx", "--task", "pose:5x3"});
  EXPECT_EQ(keypoints.status, 2);
  EXPECT_THAT(keypoints.err, HasSubstr("not those of --task pose:5x3"));
}

TEST_F(TaskFlag, OfMigrateIsTheTaskSlot) {
  const auto result = run({"migrate", "--validate-only", "--detect", bare_, "--baseline", "none"});
  EXPECT_THAT(result.out, HasSubstr("52 classes")) << result.err;
  const auto lost = run({"migrate", "--validate-only", "--detect", bare_, "--task", "pose"});
  EXPECT_THAT(lost.out + lost.err, HasSubstr("no model is given for pose"));
}

}  // namespace
}  // namespace peregrine
