// Which input a detector gets: sizes recorded from Ultralytics 8.4.190, which rounds up to its stride, and to
// 32 at least.
#include <gmock/gmock.h>

#include "core/log.h"
#include "peregrine/error.h"
#include "predictor/models/model_engine.h"
#include "support/error_text.h"

namespace peregrine::predictor {
namespace {

using testing::HasSubstr;
using testing::Pair;

ModelInfo trained_at(int height, int width, std::vector<int> strides = {8, 16, 32}) {
  ModelInfo info;
  info.name = "m.pt";
  info.image_height = height;
  info.image_width = width;
  info.strides = std::move(strides);
  return info;
}

PipelineOptions with(bool PipelineOptions::*flag) {
  PipelineOptions options;
  options.*flag = true;
  return options;
}
const PipelineOptions rect = with(&PipelineOptions::rect), validation = with(&PipelineOptions::validation);

std::pair<int, int> sides(const InputShape& shape) { return {shape.height, shape.width}; }

TEST(InputShape, IsRoundedUpToTheStrideOnBothSides) {
  EXPECT_THAT(sides(input_shape(trained_at(640, 640), InputSize(192, 320), 1)), Pair(192, 320));
  EXPECT_THAT(sides(input_shape(trained_at(640, 640), 100, 1)), Pair(128, 128));
  EXPECT_THAT(sides(input_shape(trained_at(640, 640), InputSize(100, 200), 1)), Pair(128, 224));
  EXPECT_THAT(sides(input_shape(trained_at(192, 320), {}, 1)), Pair(192, 320));
  EXPECT_THAT(sides(input_shape(trained_at(100, 100), {}, 1)), Pair(128, 128));
  EXPECT_THAT(sides(input_shape(trained_at(100, 200), {}, 1)), Pair(128, 224));
  EXPECT_THAT(sides(input_shape(trained_at(33, 1), {}, 1)), Pair(64, 32));
  EXPECT_THAT(sides(input_shape(trained_at(640, 640, {8, 16}), InputSize(100, 210), 1)), Pair(128, 224))
      << "not 112x224";
  EXPECT_THAT(sides(input_shape(trained_at(640, 640, {8, 16, 32, 64}), InputSize(100, 210), 1)),
              Pair(128, 256));
}

TEST(InputShape, ThatIsRoundedIsSaidOnce) {
  std::string said;
  log::set_sink([&](log::Level, std::string_view message) { said += std::string(message) + "\n"; });
  ModelInfo model = trained_at(70, 90);
  model.name = "once.pt";
  for (int i = 0; i < 3; ++i) input_shape(model, {}, 1);
  input_shape(model, 64, 1);
  log::set_sink({});
  EXPECT_EQ(said, "once.pt: the input size 70,90 is rounded up to 96: its sides are multiples of 32.\n");
}

TEST(InputShape, OfAFileThatFixesItIsThatOne) {
  ModelInfo model = trained_at(192, 320);
  model.dynamic_shape = false;
  for (const auto& wanted : {std::optional<InputSize>(), std::optional<InputSize>({192, 320}),
                             std::optional<InputSize>({190, 300})})
    EXPECT_THAT(sides(input_shape(model, wanted, 1)), Pair(192, 320));
  const std::string error = test::error_text([&] { input_shape(model, 320, 1); });
  EXPECT_THAT(error,
              testing::AllOf(HasSubstr("usage.imgsz"), HasSubstr("m.pt runs at --imgsz 192,320 only.")));
  Settings settings;
  EXPECT_THAT(test::error_text([&] { detector_shape(model, settings, rect); }), HasSubstr("usage.rect"));
  EXPECT_THAT(test::error_text([&] { detector_shape(model, settings, validation); }),
              HasSubstr("validation.model"));
}

/// Ultralytics' val takes the longer side for both: 320 for a checkpoint of 192x320, 224 for one of 100x200.
TEST(DetectorShape, OfValidationIsSquare) {
  Settings settings;
  EXPECT_THAT(sides(detector_shape(trained_at(192, 320), settings, validation)), Pair(320, 320));
  EXPECT_THAT(sides(detector_shape(trained_at(100, 200), settings, validation)), Pair(224, 224));
  settings.imgsz = InputSize(192, 160);
  EXPECT_THAT(sides(detector_shape(trained_at(640, 640), settings, validation)), Pair(192, 192));
  EXPECT_THAT(sides(detector_shape(trained_at(640, 640), settings, {})), Pair(192, 160));
}

}  // namespace
}  // namespace peregrine::predictor
