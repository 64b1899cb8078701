// Hints about a model's file, each followed: the file that says it, and the one that it leads to. The files
// of tests/formats/onnx/data/hints are made by tools/fixtures/make_hint_files.py, with the program that the
// hint names.
#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "formats/model.h"
#include "formats/onnx/decode_head.h"
#include "formats/onnx/files.h"
#include "graph/reference.h"
#include "support/checkpoint_writer.h"
#include "support/zip_writer.h"

namespace peregrine {
namespace {

using onnx::error_of;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr TaskHint reid{.task = Task::reid};

std::filesystem::path made(const std::string& name) {
  return test::repository_file("tests/formats/onnx/data/hints/" + name);
}

std::string contents(const std::string& name) {
  std::ifstream stream(test::repository_file("tests/formats/onnx/data/" + name), std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

Model read(const std::string& file, const std::optional<TaskHint>& told = {}) {
  return read_model(std::as_bytes(std::span(file)), "given", told);
}

/// Element i of the image is (37 i mod 101) / 101.
HostTensor image(const Shape& shape) {
  HostTensor tensor(DType::f32, shape);
  for (std::int64_t i = 0; i < shape.elements(); ++i)
    tensor.as<float>()[i] = static_cast<float>(37 * i % 101) / 101.0f;
  return tensor;
}

/// The first output against what PyTorch or ONNX Runtime computed, relative to the largest value.
void expect_recorded(const Model& model, const std::string& recorded, const HostTensor& given) {
  SCOPED_TRACE(recorded);
  const Shape& input = given.shape();
  graph::Graph graph =
      model.graph({static_cast<int>(input[0]), static_cast<int>(input[2]), static_cast<int>(input[3])});
  if (model.info().task != Task::reid && model.info().head == HeadLayout::raw)
    onnx::decode_head(graph, model.info());
  const std::vector<HostTensor> results = graph::run_reference(graph, std::vector{given.view()});
  std::ifstream stream(made("expected.json"));
  const auto values = nlohmann::json::parse(stream).at(recorded).at("values").get<std::vector<float>>();
  ASSERT_EQ(results.front().shape().elements(), static_cast<std::int64_t>(values.size()));
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < values.size(); ++i)
    ASSERT_NEAR(results.front().as<float>()[i], values[i], 1e-4f * largest) << i;
}

/// The refusal of the first file says it, and the second one gives what was recorded.
struct Followed {
  const char *hint, *refused, *read;
};

void follow(const std::vector<Followed>& all, const Shape& input, const std::optional<TaskHint>& told = {}) {
  for (const auto& [hint, refused, read] : all) {
    SCOPED_TRACE(refused);
    EXPECT_EQ(error_of([&] { load_model(made(refused), told); }).hint(), hint);
    expect_recorded(load_model(made(read), told), read, image(input));
  }
}

TEST(HintsOfCheckpoints, LeadToOnnxFiles) {
  follow({{"Export it to ONNX with Ultralytics and give that file: yolo export model=FILE format=onnx (with "
           "end2end=False for YOLOv10 and YOLO26).",
           "tenth.pt", "tenth.onnx"},
          {"From a checkpoint only stock modules are read. Export the model to ONNX where its code is "
           "installed: "
           "Peregrine reads the operators of that file, or names the one that it does not know.",
           "fork.pt", "fork.onnx"}},
         {1, 3, 32, 32});
  EXPECT_THAT(load_model(made("tenth.onnx")).info().class_names, ElementsAre("a", "b"));
}

TEST(HintsOfCheckpoints, LeadToCheckpoints) {
  const std::string stock = test::pickle_call(test::pickle_global("models.yolo", "DetectionModel"), {}) +
                            test::pickle_dict({}) + "b";
  const std::string original =
      test::write_checkpoint(test::pickle(test::pickle_dict({{"model", stock}})), {});
  const std::string script =
      test::write_zip({{"a/data.pkl", test::pickle("}")}, {"a/constants.pkl", test::pickle("}")}});
  EXPECT_EQ(
      error_of([&] { read(original); }).hint(),
      "Ultralytics' yolov5nu.pt to yolov5xu.pt are these networks with a head that runs here: train one on "
      "your data.");
  EXPECT_EQ(error_of([&] { read(script); }).hint(),
            "Give the checkpoint that it was exported from, or export that to ONNX.");
  EXPECT_EQ(
      error_of([] {
        read(test::write_zip({{"readme.txt", "no model"}}));
      }).hint(),
      "Give a .pt or .pth checkpoint of Ultralytics or OSNet, an .onnx file, or an .engine of Ultralytics.");
  const Model fifth = load_model(made("fifth.pt"));
  EXPECT_EQ(fifth.info().task, Task::detect);
  expect_recorded(fifth, "fifth.pt", image({1, 3, 32, 32}));
  expect_recorded(load_model(made("fork.onnx")), "fork.onnx", image({1, 3, 32, 32}));
}

TEST(HintsOfOnnx, AboutSuppressionLeadToAHead) {
  const char* raw =
      "Export without suppression in the file: leave nms out, and for YOLOv10 and YOLO26 pass "
      "end2end=False.";
  follow({{raw, "fork_final.onnx", "fork.onnx"}, {raw, "tenth_final.onnx", "tenth.onnx"}}, {1, 3, 32, 32});
  EXPECT_EQ(error_of([] { onnx::fixture("heads/end_to_end.onnx"); }).hint(), raw) << "its metadata say so";
}

TEST(HintsOfOnnx, AboutOperatorsLeadToFilesThatAreRead) {
  follow(
      {{"Export in evaluation mode: call model.eval() first.", "training.onnx", "evaluation.onnx"},
       {"Give the file as it was before an optimiser or quantiser put these operators in, or export without "
        "them.",
        "optimised.onnx", "evaluation.onnx"},
       {"Take a network of supported layers, as YOLOv8, YOLO11, YOLO12 and OSNet have.", "hardswish.onnx",
        "silu.onnx"},
       {"Put the model into one file, in Python: onnx.save(onnx.load(FILE), NEW_FILE).", "split.onnx",
        "joined.onnx"}},
      {1, 3, 8, 8}, reid);
}

TEST(HintsOfOnnx, AboutInputsLeadToFilesThatAreRead) {
  const Shape shape{1, 3, 4, 4};
  HostTensor bytes = image(shape);
  for (std::int64_t i = 0; i < shape.elements(); ++i)
    bytes.as<float>()[i] = std::nearbyint(bytes.as<float>()[i] * 255) / 255;
  const auto hint_of = [](const char* name) {
    return error_of([&] { load_model(made(name), reid); }).hint();
  };
  EXPECT_EQ(hint_of("bytes.onnx"),
            "Export the model with an input of N x 3 x height x width, float32 or float16, from 0 to 1.");
  EXPECT_EQ(hint_of("normalises.onnx"), "Leave the normalisation out of the network that is exported.");
  for (const char* followed : {"floats.onnx", "halves.onnx"}) {
    expect_recorded(load_model(made(followed), reid), "floats.onnx of bytes", bytes);
    expect_recorded(load_model(made(followed), reid), "floats.onnx", image(shape));
  }
}

/// The file with another text of the same length in it.
std::string with(std::string file, const std::string& from, const std::string& to) {
  const std::size_t at = file.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  EXPECT_EQ(from.size(), to.size());
  return at == std::string::npos ? file : file.replace(at, from.size(), to);
}

TEST(HintsOfOnnx, AboutTheOpsetLeadToOneThatIsRead) {
  const auto of_opset = [](char opset) {
    return with(contents("attributes/newer_opset.onnx"), std::string("\x0a\0\x10\x1d", 4),
                std::string("\x0a\0\x10", 3) + opset);
  };
  for (const char opset : {6, 29})
    EXPECT_EQ(error_of([&] { read(of_opset(opset), reid); }).hint(), "Export with an opset from 7 to 28.");
  for (const char opset : {7, 28}) {
    const Model relu = read(of_opset(opset), reid);
    const HostTensor given = image({1, 3, 8, 8});
    const auto results = graph::run_reference(relu.graph({1, 8, 8}), std::vector{given.view()});
    EXPECT_EQ(results.front().as<float>()[100], given.as<float>()[100]);
  }
}

TEST(HintsOfOnnx, AboutMetadataLeadToNamesAndKeypoints) {
  const char* mend =
      "Correct its metadata (metadata_props of Python's onnx), or export it again with "
      "Ultralytics, which writes them.";
  const std::string few = contents("names.onnx");  // two names of five classes
  EXPECT_EQ(error_of([&] { read(few); }).hint(), mend);
  EXPECT_EQ(error_of([&] { read(with(few, "{0: 'too', 1: 'few'}", "{0: 'too', 1: 'few' ")); }).hint(), mend)
      << "which cannot be read";
  const Model mended = read(with(few, "{0: 'too', 1: 'few'}", "['a', 7, 'c', 8,'e']"));
  EXPECT_THAT(mended.info().class_names, ElementsAre("a", "7", "c", "8", "e"));
  EXPECT_THAT(load_model(made("fork.onnx")).info().class_names, ElementsAre("a", "b")) << "by Ultralytics";

  const auto pose = [](int count) {
    return onnx::fixture("heads/pose_4x3.onnx",
                         TaskHint{.task = Task::pose, .keypoints = count, .keypoint_dims = 3});
  };
  EXPECT_EQ(error_of([&] { pose(9); }).hint(),
            "Pass --task pose:KxD, K keypoints of D numbers each (pose:17x3).");
  EXPECT_EQ(pose(4).info().keypoints, 4);
}

}  // namespace
}  // namespace peregrine
