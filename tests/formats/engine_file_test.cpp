// Ultralytics' layout of TensorRT's engines: what is written is read back, and what is damaged is refused.
#include "formats/ultralytics/engine_file.h"

#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "peregrine/error.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

using testing::HasSubstr;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string wrap(const std::string& text, const std::string& plan = "a plan") {
  std::string file;
  for (int i = 0; i < 4; ++i) file += static_cast<char>(text.size() >> (8 * i));
  return file + text + plan;
}

/// As Ultralytics writes it for a pose model.
nlohmann::json ultralytics_text() {
  return {{"description", "Ultralytics YOLO11n-pose model"},
          {"author", "Ultralytics"},
          {"version", "8.4.190"},
          {"stride", 32},
          {"task", "pose"},
          {"batch", 2},
          {"imgsz", {640, 480}},
          {"names", {{"0", "person"}}},
          {"args", {{"batch", 2}, {"half", true}, {"dynamic", false}, {"nms", false}}},
          {"channels", 3},
          {"end2end", false},
          {"kpt_shape", {17, 3}}};
}

ModelInfo read(const std::string& file) { return read_model(bytes_of(file), "m.engine").info(); }

std::string refusal(const std::string& file) {
  try {
    read(file);
  } catch (const Error& error) {
    return error.code() + ": " + error.sentence();
  }
  return "no error";
}

TEST(EngineFile, WhatUltralyticsWritesIsRead) {
  const std::string file = wrap(ultralytics_text().dump());
  const ModelInfo info = read(file);
  EXPECT_EQ(info.task, Task::pose);
  EXPECT_EQ(info.head, HeadLayout::decoded);
  EXPECT_EQ(info.image_height, 640);
  EXPECT_EQ(info.image_width, 480);
  EXPECT_EQ(info.fixed_batch, 2);
  EXPECT_FALSE(info.dynamic_shape);
  EXPECT_EQ(info.strides, (std::vector{8, 16, 32}));
  EXPECT_EQ(info.keypoints, 17);
  EXPECT_EQ(info.keypoint_dims, 3);
  EXPECT_EQ(info.class_names, std::vector<std::string>{"person"});
  EXPECT_EQ(ultralytics::plan_of_engine_file(bytes_of(file)).size(), 6u);
  EXPECT_THROW(read_model(bytes_of(file), "m.engine").graph({}), Error);
}

TEST(EngineFile, WhatIsWrittenIsReadBack) {
  for (const char* name : {"demo-detect.pt", "demo-pose.pt", "demo-segment.pt"}) {
    ModelInfo info = load_model(test::repository_file("models/demo") / name).info();
    const std::string plan = "\x08 any bytes";
    const std::string file = ultralytics::write_engine_file(
        {.model = info, .batch = 4, .dynamic = true, .half = true}, bytes_of(plan));
    const ModelInfo back = read(file);
    EXPECT_EQ(back.task, info.task);
    EXPECT_EQ(back.class_names, info.class_names);
    EXPECT_EQ(back.strides, info.strides);
    EXPECT_EQ(back.image_height, info.image_height);
    EXPECT_EQ(back.keypoints, info.keypoints);
    EXPECT_EQ(back.mask_channels, info.mask_channels);
    EXPECT_EQ(back.fixed_batch, 0);
    std::string flipped = file;
    flipped.back() ^= 4;
    EXPECT_THAT(refusal(flipped), HasSubstr("model.damaged: m.engine: the plan is cut short or damaged"));
    EXPECT_THAT(refusal(file.substr(0, file.size() - 1)), HasSubstr("its digest differs"));
  }
}

TEST(EngineFile, WhatDoesNotFitIsRefused) {
  const auto with = [](const char* key, const nlohmann::json& value) {
    nlohmann::json text = ultralytics_text();
    text[key] = value;
    return refusal(wrap(text.dump()));
  };
  EXPECT_THAT(with("task", "obb"), HasSubstr("model.unsupported: m.engine: engines for the task 'obb'"));
  EXPECT_THAT(with("end2end", true), HasSubstr("model.unsupported"));
  EXPECT_THAT(with("args", {{"nms", true}}), HasSubstr("model.unsupported"));
  for (const auto& [key, value] :
       std::initializer_list<std::pair<const char*, nlohmann::json>>{{"imgsz", "large"},
                                                                     {"imgsz", 1 << 20},
                                                                     {"stride", 0},
                                                                     {"batch", -1},
                                                                     {"task", 3},
                                                                     {"args", "none"},
                                                                     {"names", {{"0", {1}}}},
                                                                     {"names", {{"a", "b"}}},
                                                                     {"names", nullptr},
                                                                     {"kpt_shape", {17, 4}},
                                                                     {"kpt_shape", 17}})
    EXPECT_THAT(with(key, value), HasSubstr("model.damaged: m.engine: ")) << key << value;
  EXPECT_THAT(with("names", {{"7", "gap"}}), HasSubstr("model.names: m.engine: the class names have gaps"));
  EXPECT_THAT(refusal(wrap(ultralytics_text().dump(), "")), HasSubstr("no plan behind"));
  EXPECT_THAT(refusal(wrap("{no JSON}")), HasSubstr("no JSON"));
  EXPECT_THAT(refusal(wrap(ultralytics_text().dump()).substr(0, 50)),
              HasSubstr("no model that Peregrine knows"));
}

}  // namespace
}  // namespace peregrine
