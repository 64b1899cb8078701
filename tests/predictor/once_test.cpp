// Several models over one image: it is decoded once, and prepared once for each input size. Counted by the
// ranges that the stages open (core/trace.h), which is what a profiler shows.
#include <gtest/gtest.h>

#include <map>

#include "core/trace.h"
#include "formats/model.h"
#include "formats/onnx/write/export.h"
#include "peregrine/pipeline.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;

class Counts final : public trace::Listener {
 public:
  void begin(std::string_view name) override { ++number_[std::string(name)]; }
  void end() noexcept override {}
  int of(const std::string& name) const { return number_.contains(name) ? number_.at(name) : 0; }

 private:
  std::map<std::string, int> number_;
};

class Once : public testing::Test {
 protected:
  void run(const std::vector<fs::path>& models) {
    Settings settings;
    settings.force_gpu_only = false;
    settings.store.clear();
    PipelineOptions options;
    options.models = models;
    options.engine = "openvino";
    Pipeline pipeline(settings, options);
    const trace::Listening listening(counts_);
    pipeline.run({(demo_ / "scenes/val2017/000000.jpg").string()}, [](const FrameResult& frame_result) {
      EXPECT_TRUE(frame_result.result.has_value());
      return true;
    });
  }

  const fs::path demo_ = test::repository_file("models/demo");
  const std::vector<fs::path> of_one_size_{demo_ / "demo-detect.pt", demo_ / "demo-pose.pt",
                                           demo_ / "demo-segment.pt"};
  test::TemporaryFolder folder_;
  Counts counts_;
};

TEST_F(Once, ModelsOfOneInputSizeShareThePreparedImage) {
  run(of_one_size_);
  EXPECT_EQ(counts_.of("decode"), 1);
  EXPECT_EQ(counts_.of("preprocess"), 1);
  EXPECT_EQ(counts_.of("postprocess"), 3);
}

TEST_F(Once, AnotherInputSizeIsPreparedOnceMore) {
  const fs::path smaller = folder_.path() / "smaller.onnx";
  onnx::export_model(load_model(of_one_size_[0]),
                     {.precision = DType::f32, .height = 160, .width = 160, .decoded = true}, smaller);
  std::vector<fs::path> models = of_one_size_;
  models.insert(models.begin() + 1, {smaller, smaller});
  run(models);
  EXPECT_EQ(counts_.of("decode"), 1);
  EXPECT_EQ(counts_.of("preprocess"), 2);
  EXPECT_EQ(counts_.of("postprocess"), 5);
}

}  // namespace
}  // namespace peregrine
