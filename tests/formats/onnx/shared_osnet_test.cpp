// The same OSNet as an ONNX export and as a checkpoint.
#include <gtest/gtest.h>

#include <cmath>

#include "formats/model.h"
#include "graph/head.h"
#include "graph/reference.h"
#include "support/test_data.h"

namespace peregrine::onnx {
namespace {

TEST(SharedOsnet, ExportAndCheckpointAgree) {
  PEREGRINE_NEED_SHARED_DATA(data);
  const Model exported =
      load_model(data / "weights" / "osnet_x0_25_msmt17.onnx", TaskHint{.task = Task::reid});
  const Model checkpoint = load_model(data / "weights" / "osnet_x0_25_msmt17.pth");
  EXPECT_EQ(exported.info().task, Task::reid);
  EXPECT_EQ(exported.info().embedding, 512);
  EXPECT_EQ(exported.info().image_height, 256);
  EXPECT_EQ(exported.info().image_width, 128);
  EXPECT_EQ(exported.info().fixed_batch, 0);

  HostTensor image(DType::f32, {1, 3, 256, 128});
  for (std::int64_t i = 0; i < image.shape().elements(); ++i)
    image.as<float>()[i] = static_cast<float>(37 * i % 101) / 50.0f - 1.0f;
  const InputShape shape{1, 256, 128};
  const HostTensor a = std::move(graph::run_reference(exported.graph(shape), std::vector{image.view()})[0]);
  const HostTensor b = std::move(graph::run_reference(checkpoint.graph(shape), std::vector{image.view()})[0]);
  ASSERT_EQ(a.shape(), b.shape());
  float largest = 0, worst = 0;
  for (std::int64_t i = 0; i < a.shape().elements(); ++i) {
    largest = std::max(largest, std::abs(a.as<float>()[i]));
    worst = std::max(worst, std::abs(a.as<float>()[i] - b.as<float>()[i]));
  }
  EXPECT_LE(worst, 1e-4f * largest);
}

}  // namespace
}  // namespace peregrine::onnx
