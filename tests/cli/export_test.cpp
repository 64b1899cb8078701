// `peregrine export`: what it writes reads back as the same model and runs; wrong wishes are refused.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "command.h"
#include "formats/model.h"
#include "graph/graph.h"
#include "graph/head.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Export : public testing::Test {
 protected:
  static std::string demo(const std::string& name) {
    return test::repository_file("models/demo/" + name).string();
  }
  test::CommandResult run(const std::string& model, std::vector<std::string> more) {
    std::vector<std::string> arguments{"export", demo(model), "-o", file()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return test::run_command(arguments, folder_.path().string());
  }
  std::string file() const { return (folder_.path() / "model.onnx").string(); }
  void expect_refused(const test::CommandResult& result, int status, const std::string& words) {
    EXPECT_EQ(result.status, status) << result.err;
    EXPECT_THAT(result.err, HasSubstr(words));
    EXPECT_TRUE(fs::is_empty(folder_.path()));
  }
  test::TemporaryFolder folder_;
};

TEST_F(Export, ReadsBackAsTheSameGraph) {
  for (const char* name : {"demo-detect.pt", "demo-pose.pt", "demo-segment.pt", "demo-reid.pth"}) {
    const auto result = run(name, {"--precision", "fp32", "--batch", "dynamic"});
    ASSERT_EQ(result.status, 0) << result.err;
    const Model before = load_model(demo(name)), after = load_model(file());
    const InputShape shape{2, before.info().image_height, before.info().image_width};
    EXPECT_EQ(graph::digest(after.graph(shape)), graph::digest(before.graph(shape))) << name;
    EXPECT_THAT(result.out, HasSubstr(name));
  }
}

TEST_F(Export, TakesHalfPrecisionSizeAndBatchFromFlagsAndSettings) {
  ASSERT_EQ(run("demo-detect.pt", {"--imgsz", "200", "--batch", "3"}).status, 0);
  const Model model = load_model(file());
  EXPECT_EQ(model.info().image_width, 224);  // the next multiple of the stride
  EXPECT_EQ(model.info().fixed_batch, 3);
  const auto half_size = fs::file_size(file());
  ASSERT_EQ(run("demo-detect.pt", {"--precision", "fp32"}).status, 0);
  EXPECT_GT(static_cast<double>(fs::file_size(file())), 1.8 * static_cast<double>(half_size));
}

TEST_F(Export, DecodedHeadsGiveTheSameObjects) {
  ASSERT_EQ(run("demo-segment.pt", {"--precision", "fp32", "--decoded"}).status, 0);
  EXPECT_EQ(load_model(file()).info().head, HeadLayout::decoded);
  const auto objects = [&](const std::string& model) {
    const auto result =
        test::run_command({"predict", "--allow-cpu", "--engine", "openvino", "--model", model, "--source",
                           demo("scenes/val2017/000000.jpg"), "--json", "-", "--store", "store"},
                          folder_.path().string());
    EXPECT_EQ(result.status, 0) << result.err;
    return nlohmann::json::parse(result.out).at("images").at(0).at("objects");
  };
  const auto before = objects(demo("demo-segment.pt")), after = objects(file());
  ASSERT_GT(before.size(), 0U);
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(after[i]["name"], before[i]["name"]);
    EXPECT_NEAR(after[i]["confidence"], before[i]["confidence"], 1e-3);
    for (std::size_t edge = 0; edge < 4; ++edge)
      EXPECT_NEAR(after[i]["box"][edge], before[i]["box"][edge], 0.05);
  }
}

TEST_F(Export, RefusesWhatNoFileCanHold) {
  expect_refused(run("demo-detect.pt", {"--precision", "bf16"}), 2, "fp16 or fp32");
  for (const char* batch : {"0", "-1", "many", "2x"})
    expect_refused(run("demo-detect.pt", {"--batch", batch}), 2, batch);
  expect_refused(run("none.pt", {}), 3, "none.pt");
  expect_refused(test::run_command({"export", demo("demo-detect.pt"), "-o", "/nonexistent/x.onnx"}), 1,
                 "/nonexistent/x.onnx");
  EXPECT_EQ(test::run_command({"export", demo("demo-detect.pt")}).status, 2);
}

}  // namespace
}  // namespace peregrine
