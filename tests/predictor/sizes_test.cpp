// A file for any size that decodes its own boxes (Ultralytics' dynamic=True), at several sizes, beside what
// ONNX Runtime gives (tools/fixtures/make_onnx.py).
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "engine/openvino/openvino_builder.h"
#include "engine_cache/engine_cache.h"
#include "formats/model.h"
#include "predictor/models/model_engine.h"
#include "support/error_text.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

/// Element i is (37 i mod 101) / 101, as the recorded run has it.
HostTensor image(const Shape& shape) {
  HostTensor tensor(DType::f32, shape);
  for (std::int64_t i = 0; i < shape.elements(); ++i)
    tensor.as<float>()[i] = static_cast<float>(37 * i % 101) / 101.0f;
  return tensor;
}

TEST(ModelEngine, RunsDecodedHeadsAtAnySize) {
  const auto heads = test::repository_file("tests/formats/onnx/data/heads");
  const engine_cache::EngineContext context{make_openvino_builder(), Device::cpu(), "", Precision::fp32};
  predictor::ModelEngine engine(load_model(heads / "dynamic.onnx"), context, {1, 64, 64}, true);
  std::ifstream stream(heads / "dynamic.txt");
  int sizes = 0;
  for (std::string line; std::getline(stream, line); ++sizes) {
    std::istringstream words(line);
    std::int64_t batch = 0, height = 0, width = 0;
    words >> batch >> height >> width;
    const HostTensor input = image({batch, 3, height, width});
    const TensorView output = engine.run(input.view()).front().view;
    std::int64_t i = 0;
    for (double expected = 0; words >> expected; ++i) {
      ASSERT_LT(i, output.shape.elements());
      EXPECT_NEAR(output.as<float>()[i], expected, 1e-4 * std::max(1.0, std::abs(expected)))
          << line.substr(0, 8) << i;
    }
    EXPECT_EQ(i, output.shape.elements());
  }
  EXPECT_EQ(sizes, 4);
}

/// Earlier versions kept such engines for any size, with the anchors of one.
TEST(ModelEngine, OfAFileThatIsKeptForOneSizeRunsAsTheHintSays) {
  const test::TemporaryFolder folder;
  const Model model = load_model(test::repository_file("tests/formats/onnx/data/heads/dynamic.onnx"));
  engine_cache::EngineContext context{make_openvino_builder(), Device::cpu(), "", Precision::fp32};
  context.unverified = true;
  store::Store store(folder.path());
  const InputShape shape{1, 64, 64};
  const auto kept =
      engine_cache::get_or_build(store, model, context, {.shape = shape, .any_size = true, .verify = false});
  const Model engine = engine_cache::open_model(folder.path() / "engines" / kept.manifest.id);
  const auto opening = [&](const Model& opened, bool rect) {
    return test::error_text([&] { predictor::ModelEngine(opened, context, shape, rect); });
  };
  EXPECT_NE(opening(engine, true).find("Leave out --rect, or give the model's file."), std::string::npos)
      << opening(engine, true);
  EXPECT_EQ(opening(engine, false), "no error");
  EXPECT_EQ(opening(model, true), "no error");
}

}  // namespace
}  // namespace peregrine
