#include "formats/onnx/read/reader.h"

#include <gmock/gmock.h>

#include "formats/onnx/files.h"
#include "graph/head.h"

namespace peregrine::onnx {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(OnnxReader, DetectWithFixedShape) {
  const Model model = fixture("detect.onnx");
  const ModelInfo& info = model.info();
  EXPECT_EQ(info.task, Task::detect);
  EXPECT_EQ(info.head, HeadLayout::decoded);
  EXPECT_EQ(info.architecture, "ONNX");
  EXPECT_THAT(info.class_names, ElementsAre("person", "cat's eye"));
  EXPECT_THAT(info.strides, ElementsAre(8, 16, 32));
  EXPECT_EQ(info.image_height, 64);
  EXPECT_EQ(info.image_width, 96);
  EXPECT_FALSE(info.dynamic_shape);
  EXPECT_EQ(info.fixed_batch, 1);

  const graph::Graph graph = model.graph({1, 64, 96});
  EXPECT_THAT(graph.output_names(), ElementsAre(graph::decoded_output));
  EXPECT_EQ(graph.value(graph.inputs()[0]).name, graph::input_name);
  for (const InputShape& other : {InputShape{2, 64, 96}, InputShape{1, 32, 96}, InputShape{1, 64, 64}}) {
    const Error error = error_of([&] { model.graph(other); });
    EXPECT_EQ(error.code(), "model.shape");
    EXPECT_THAT(error.sentence(), AllOf(HasSubstr("detect.onnx"), HasSubstr("1x3x64x96")));
  }
}

TEST(OnnxReader, PoseWithOpenShape) {
  const Model model = fixture("pose.onnx");
  EXPECT_EQ(model.info().task, Task::pose);
  EXPECT_EQ(model.info().keypoints, 4);
  EXPECT_EQ(model.info().keypoint_dims, 2);
  EXPECT_THAT(model.info().class_names, ElementsAre("person"));
  EXPECT_TRUE(model.info().dynamic_shape);
  EXPECT_EQ(model.info().fixed_batch, 0);
  EXPECT_EQ(model.info().image_height, 64) << "from the metadata";
  EXPECT_EQ(model.info().image_width, 96);
  const graph::Graph graph = model.graph({3, 96, 32});
  EXPECT_EQ(graph.value(graph.find(graph::decoded_output)).shape, (Shape{3, 13, 12 * 4 + 6 * 2 + 3}));
  EXPECT_THAT(error_of([&] { model.graph({1, 40, 64}); }).hint(), HasSubstr("multiples of 32"));
}

TEST(OnnxReader, SegmentWithOpenBatch) {
  const Model model = fixture("segment.onnx");
  EXPECT_EQ(model.info().task, Task::segment);
  EXPECT_EQ(model.info().mask_channels, 6);
  EXPECT_EQ(model.info().class_names.size(), 3U);
  EXPECT_FALSE(model.info().dynamic_shape) << "the size is fixed";
  EXPECT_EQ(model.info().fixed_batch, 0) << "the batch is not";
  const graph::Graph graph = model.graph({2, 32, 32});
  EXPECT_THAT(graph.output_names(), ElementsAre(graph::decoded_output, graph::proto_output));
}

TEST(OnnxReader, FeaturesAreThoseOfTheUsersWord) {
  const ModelInfo embedding = features_fixture("layers.onnx").info();
  EXPECT_EQ(embedding.task, Task::reid);
  EXPECT_EQ(embedding.embedding, 305);
  EXPECT_EQ(embedding.told_task, "reid");
  EXPECT_THAT(features_fixture("layers.onnx").graph({1, 8, 8}).output_names(),
              ElementsAre(graph::features_output));
  const Error unsaid = error_of([] { fixture("layers.onnx"); });
  EXPECT_EQ(unsaid.code(), "model.task");
  EXPECT_THAT(unsaid.sentence(),
              AllOf(HasSubstr("1x305"), HasSubstr("--task reid"), HasSubstr("classifier")));
}

TEST(OnnxReader, WeightsAreSharedAndFoldedAndShapeArithmeticIsGone) {
  const Model model = features_fixture("arithmetic.onnx");
  const std::string listing = graph::dump(model.graph({2, 4, 6}));
  EXPECT_THAT(listing, Not(AnyOf(HasSubstr("Shape ("), HasSubstr("Cast"), HasSubstr("INT64")))) << listing;
  EXPECT_THAT(graph::dump(features_fixture("layers.onnx").graph({1, 8, 8})),
              AllOf(Not(HasSubstr("BatchNorm")), HasSubstr("Silu")));
}

TEST(OnnxReader, NamesTheOperatorThatItDoesNotKnow) {
  const Error error = error_of([] { fixture("suppressed.onnx"); });
  EXPECT_EQ(error.code(), "model.unsupported");
  EXPECT_THAT(error.sentence(), AllOf(HasSubstr("'/scores/ReduceMax'"), HasSubstr("(ReduceMax)")));
  EXPECT_THAT(error.hint(), HasSubstr("supported layers"));
}

TEST(OnnxReader, RefusesTasksAndHeadsThatNoStageReads) {
  const Error task = error_of([] { fixture("obb.onnx"); });
  EXPECT_EQ(task.code(), "model.unsupported");
  EXPECT_THAT(task.sentence(), HasSubstr("'obb'"));
  const Error names = error_of([] { fixture("names.onnx"); });
  EXPECT_EQ(names.code(), "model.head");
  EXPECT_THAT(names.sentence(), AllOf(HasSubstr("2 classes"), HasSubstr("has 5")));
}

TEST(OnnxReader, TellsOnnxFromOtherFiles) {
  EXPECT_TRUE(is_onnx(fixture_bytes("detect.onnx")));
  for (const std::string_view text : {"", "\x08", "plain text", "PK\x03\x04 zip", "\x80\x02pickle"})
    EXPECT_FALSE(is_onnx(std::as_bytes(std::span(text)))) << text;
}

TEST(OnnxReader, EveryTruncationIsAnError) {
  const std::vector<std::byte> whole = fixture_bytes("detect.onnx");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Error error = error_of([&] { read_bytes_as_model(std::span(whole).first(size)); });
    // The metadata stand at the end: a cut behind the graph leaves a model without names.
    if (error.code() == "none") {
      EXPECT_GT(size, whole.size() - 200);
    }
    EXPECT_THAT(error.code(), AnyOf("model.damaged", "model.head", "model.task", "none")) << size;
  }
}

TEST(OnnxReader, FlippedBitsAreReadOrRefused) {
  const std::vector<std::byte> whole = fixture_bytes("arithmetic.onnx");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::vector<std::byte> flipped = whole;
    flipped[i] ^= std::byte{1} << (i % 8);
    const Error error =
        error_of([&] { read_bytes_as_model(flipped, "flipped.onnx", TaskHint{.task = Task::reid}); });
    EXPECT_THAT(error.code(), AnyOf(HasSubstr("model."), "none")) << "byte " << i << ": " << error.sentence();
  }
}

TEST(OnnxReader, EmptyMessagesAreRefused) {
  const std::string_view only_version("\x08\x08\x12\x01x", 5);
  EXPECT_THAT(error_of([&] { read_bytes_as_model(std::as_bytes(std::span(only_version))); }).sentence(),
              HasSubstr("opset"));
  EXPECT_EQ(error_of([] { read_bytes_as_model({}); }).code(), "model.damaged");
}

}  // namespace
}  // namespace peregrine::onnx
