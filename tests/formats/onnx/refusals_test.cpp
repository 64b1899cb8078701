// What a file does not settle is asked for, and what it wants otherwise is refused by name: nothing is
// guessed.
#include <gmock/gmock.h>

#include "formats/onnx/files.h"

namespace peregrine::onnx {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr TaskHint reid{.task = Task::reid}, detect{.task = Task::detect}, pose{.task = Task::pose};

struct Refused {
  const char* file;
  const char* says;
};

class Input : public ::testing::TestWithParam<Refused> {};

TEST_P(Input, OfAnotherKindIsRefusedByName) {
  const Error error = error_of([] { fixture(std::string("inputs/") + GetParam().file + ".onnx", reid); });
  EXPECT_THAT(error.code(), ::testing::AnyOf("model.unsupported", "model.channels")) << error.sentence();
  EXPECT_THAT(error.sentence(), HasSubstr(GetParam().says));
  EXPECT_NE(error.hint(), "");
}

INSTANTIATE_TEST_SUITE_P(
    Files, Input,
    ::testing::Values(
        Refused{"uint8", "takes uint8"}, Refused{"int8", "takes int8"}, Refused{"int64", "takes int64"},
        Refused{"double", "takes double"}, Refused{"bfloat16", "takes bfloat16"},
        Refused{"one_channel", "takes 1 channel;"}, Refused{"four_channels", "takes 4 channels;"},
        Refused{"open_channels", "takes 4 channels;"}, Refused{"said_channels", "takes 1 channel;"},
        Refused{"channels_last", "1 x 8 x 8 x 3, images with the channels last (NHWC)"},
        Refused{"open_channels_last", "any x any x any x any, images with the channels last"},
        Refused{"grey_channels_last", "images with the channels last"}, Refused{"to_255", "from 0 to 255"},
        Refused{"mean_of_255", "from 0 to 255"}, Refused{"imagenet", "normalises its input itself"},
        Refused{"norm_of_255", "from 0 to 255"}, Refused{"depthwise_of_255", "from 0 to 255"},
        Refused{"map_of_255", "from 0 to 255"}, Refused{"pooled_255", "from 0 to 255"},
        Refused{"parts_of_255", "from 0 to 255"}, Refused{"around_0", "numbers around 0"},
        Refused{"bgr", "RGB, which Peregrine gives, or BGR"}, Refused{"bgr_by_weights", "or BGR"},
        Refused{"width_first", "turns its input"}),
    [](const auto& info) { return std::string(info.param.file); });

TEST(OnnxInput, ThatIsTurnedOrTakenApartAndPutBackIsRun) {
  for (const char* name : {"inputs/turned_there_and_back.onnx", "inputs/parts.onnx"})
    EXPECT_EQ(fixture(name, reid).info().embedding, 128) << name;
}

TEST(OnnxInput, HalvesAreRun) { EXPECT_EQ(fixture("inputs/half.onnx", reid).info().embedding, 128); }

class Attribute : public ::testing::TestWithParam<Refused> {};

TEST_P(Attribute, ThatChangesTheResultIsRefusedByName) {
  const Error error = error_of([] { fixture(std::string("attributes/") + GetParam().file + ".onnx", reid); });
  EXPECT_THAT(error.code(), ::testing::AnyOf("model.unsupported", "model.damaged")) << error.sentence();
  EXPECT_THAT(error.sentence(), HasSubstr(GetParam().says));
  EXPECT_EQ(error.hint().empty(), error.code() != "model.unsupported") << error.hint();
}

INSTANTIATE_TEST_SUITE_P(
    Files, Attribute,
    ::testing::Values(Refused{"same_padding", "'it' (ConvTranspose): auto_pad SAME_UPPER"},
                      Refused{"same_dilated", "auto_pad with dilation"},
                      Refused{"unknown", "attribute 'sharpness'"}, Refused{"other_kernel", "kernel_shape"},
                      Refused{"dilated_pool", "dilated pooling"}, Refused{"column_major", "storage_order"},
                      Refused{"counted_overhang", "count_include_pad"},
                      Refused{"aligned_corners", "align_corners"}, Refused{"cubic", "mode cubic"},
                      Refused{"antialias", "antialias"}, Refused{"outside", "exclude_outside"},
                      Refused{"ceil_nearest", "mode nearest"}, Refused{"over_places", "spatial = 0"},
                      Refused{"newer_opset", "opset 29"},
                      Refused{"backwards", "(Slice): taking 65 elements of the image in an order"},
                      Refused{"nested_indices", "(Gather): gathering by indices of 2x1"},
                      Refused{"nothing", "(Slice): slices without elements"},
                      Refused{"empty_part", "(Split): parts without elements"},
                      Refused{"repeated_image", "(MatMul): repeating the values of an image"},
                      Refused{"one_dimension", "(Conv): an input of 3 dimensions (1x3x64) instead of 4"},
                      Refused{"padded", "(Pad): the operator is not supported"}),
    [](const auto& info) { return std::string(info.param.file); });

class Finite : public ::testing::TestWithParam<Refused> {};

/// What makes the output so is named: onnxruntime computes NaN or infinity from each of these files.
TEST_P(Finite, OutputsAreOrTheConstantIsNamed) {
  const Error error = error_of([] { fixture(std::string("finite/") + GetParam().file + ".onnx", reid); });
  EXPECT_EQ(error.code(), "model.weights") << error.sentence();
  EXPECT_THAT(error.sentence(), HasSubstr(GetParam().says));
  EXPECT_THAT(error.hint(), HasSubstr("Training diverged"));
}

INSTANTIATE_TEST_SUITE_P(
    Files, Finite,
    ::testing::Values(Refused{"added", "c1 has Inf in 1 of 1 values"}, Refused{"subtracted", "c1 has Inf"},
                      Refused{"times", "c1 has Inf in 1 of 2 values"}, Refused{"relu", "c1 has Inf"},
                      Refused{"node", "number has Inf"}, Refused{"nan_node", "number has NaN"},
                      Refused{"computed", "Div_1_0 has Inf"}, Refused{"after", "c1 has Inf"},
                      Refused{"variance", "no variance above 0 (epsilon 1e-05 included) in 1 of 2 values"},
                      Refused{"no_variance", "c4 has no variance above 0"}),
    [](const auto& info) { return std::string(info.param.file); });

class MaskedRow : public ::testing::TestWithParam<Refused> {};

/// A Softmax that sees no position of a row: onnxruntime computes NaN.
TEST_P(MaskedRow, IsNamedWithItsMask) {
  const Error error = error_of([] { fixture(std::string("finite/") + GetParam().file + ".onnx", reid); });
  EXPECT_EQ(error.code(), "model.weights");
  EXPECT_THAT(error.sentence(), HasSubstr("c1 masks every position of a row with -inf"));
  EXPECT_THAT(error.hint(), HasSubstr("mask with a large number such as -10000"));
}

INSTANTIATE_TEST_SUITE_P(Files, MaskedRow,
                         ::testing::Values(Refused{"masked_row", ""}, Refused{"masked_head", ""},
                                           Refused{"masked_column", ""}, Refused{"masked_heads", ""},
                                           Refused{"masked_scaled", ""}, Refused{"masked_moved", ""},
                                           Refused{"masked_parts", ""}),
                         [](const auto& info) { return std::string(info.param.file); });

Model head(const std::string& name, const std::optional<TaskHint>& told = {}) {
  return fixture("heads/" + name + ".onnx", told);
}

TEST(BareHead, OfManyReadingsAsksForTheTask) {
  const Error classes = error_of([] { head("classes_52"); });
  EXPECT_EQ(classes.code(), "model.task");
  EXPECT_THAT(classes.sentence(),
              AllOf(HasSubstr("56 rows"), HasSubstr("detect with 52 classes (--task detect)"),
                    HasSubstr("pose with 1 class and 17 keypoints (--task pose)"), HasSubstr("OBB")));
  EXPECT_THAT(classes.hint(), HasSubstr("--task"));
  EXPECT_THAT(error_of([] { head("pose_coco"); }).sentence(), HasSubstr("52 classes"));
  EXPECT_THAT(error_of([] { head("pose_4x3"); }).sentence(), HasSubstr("--task pose:KxD"));
  EXPECT_THAT(error_of([] { head("obb_15"); }).sentence(),
              HasSubstr("OBB with 15 classes, which is not supported"));
  EXPECT_EQ(error_of([] { head("rows_84"); }).code(), "model.task")
      << "nothing shows that 80 rows are scores";
}

TEST(BareHead, OfOneReadingIsRead) {
  EXPECT_EQ(head("one_class").info().task, Task::detect);
  const ModelInfo coco = head("classes_80").info();
  EXPECT_EQ(coco.task, Task::detect);
  EXPECT_EQ(coco.class_names.size(), 80U);
  EXPECT_EQ(coco.told_task, "");
  EXPECT_THAT(head("names_settle").info().class_names, ElementsAre("a", "b"));
}

TEST(BareHead, IsWhatTheUserSays) {
  const ModelInfo detector = head("classes_52", detect).info();
  EXPECT_EQ(detector.task, Task::detect);
  EXPECT_EQ(detector.class_names.size(), 52U);
  EXPECT_EQ(detector.told_task, "detect");
  const ModelInfo persons = head("pose_coco", pose).info();
  EXPECT_EQ(persons.class_names.size(), 1U);
  EXPECT_EQ(persons.keypoints, 17);
  EXPECT_EQ(persons.keypoint_dims, 3);
  const ModelInfo corners = head("pose_4x3", TaskHint{Task::pose, 4, 3}).info();
  EXPECT_EQ(corners.keypoints, 4);
  EXPECT_EQ(corners.told_task, "pose:4x3");
  EXPECT_THAT(error_of([] { head("pose_4x3", pose); }).sentence(),
              HasSubstr("4 keypoints of 3 numbers or 6 of 2"));
}

TEST(BareHead, IsNotWhatItsScoresContradict) {
  for (const Error& error :
       {error_of([] { head("pose_coco", detect); }), error_of([] { head("classes_52", pose); }),
        error_of([] { head("obb_15", detect); }), error_of([] { head("pose_says_detect"); })}) {
    EXPECT_EQ(error.code(), "model.head");
    EXPECT_THAT(error.sentence(), HasSubstr("rows as scores"));
  }
}

TEST(BareHead, LevelsFollowFromTheAnchors) {
  EXPECT_THAT(head("classes_80").info().strides, ElementsAre(16, 32));
  EXPECT_THAT(head("one_level").info().strides, ElementsAre(32));
  EXPECT_THAT(head("five_levels").info().strides, ElementsAre(8, 16, 32, 64, 128));
}

TEST(BareHead, OfAnotherLayoutIsNamed) {
  EXPECT_THAT(error_of([] { head("transposed"); }).sentence(), HasSubstr("transposed"));
  for (const auto& told : {std::optional<TaskHint>(), std::optional(detect)})
    EXPECT_THAT(
        error_of([&] { head("objectness", told); }).sentence(),
        AllOf(HasSubstr("rows that do not depend on the image"), HasSubstr("as the objectness of YOLOv6")));
  EXPECT_THAT(error_of([] { head("objectness_rows", detect); }).sentence(), HasSubstr("YOLOv6"));
  EXPECT_THAT(error_of([] { head("end_to_end"); }).hint(), HasSubstr("end2end=False"));
  EXPECT_THAT(error_of([] { head("says_nms"); }).sentence(), HasSubstr("selects its boxes itself"));
}

TEST(OnnxNames, AreReadAsUltralyticsReadsThem) {
  EXPECT_THAT(head("numbers_for_names").info().class_names, ElementsAre("7", "8"));
  EXPECT_THAT(error_of([] { head("names_from_one"); }).sentence(), HasSubstr("the class names have gaps"));
  EXPECT_THAT(error_of([] { head("names_unreadable"); }).sentence(), HasSubstr("'person' as names"));
}

TEST(TaskHint, ReadsWhatItWrites) {
  for (const char* text : {"detect", "pose", "pose:17x3", "pose:4x2", "segment", "reid"})
    EXPECT_EQ(to_string(parse_task_hint(text).value()), text);
  for (const char* text : {"", "obb", "detect:17x3", "pose:", "pose:17", "pose:17x", "pose:17x4", "pose:0x3",
                           "pose:17x3 ", "Pose"})
    EXPECT_FALSE(parse_task_hint(text)) << text;
}

}  // namespace
}  // namespace peregrine::onnx
