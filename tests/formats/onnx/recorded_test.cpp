// What ONNX Runtime computed from the files of this folder, against the reference executor on the graphs read
// from them.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "formats/onnx/files.h"
#include "formats/onnx/write/writer.h"
#include "graph/reference.h"

namespace peregrine::onnx {
namespace {

struct Recorded {
  std::string file;
  Shape input, output;
  std::vector<float> values;
};

Shape shape_of(const std::string& text) {
  Shape shape;
  std::istringstream stream(text);
  for (std::string extent; std::getline(stream, extent, 'x');) shape.push_back(std::stol(extent));
  return shape;
}

/// By file; several outputs in the file's order.
std::map<std::string, std::vector<Recorded>> recorded() {
  std::map<std::string, std::vector<Recorded>> cases;
  std::ifstream stream(test::repository_file("tests/formats/onnx/data/expected.txt"));
  for (std::string line; std::getline(stream, line);) {
    std::istringstream words(line);
    std::string output, input_shape, output_shape;
    Recorded entry;
    words >> entry.file >> output >> input_shape >> output_shape;
    entry.input = shape_of(input_shape);
    entry.output = shape_of(output_shape);
    for (float value = 0; words >> value;) entry.values.push_back(value);
    cases[entry.file].push_back(std::move(entry));
  }
  return cases;
}

/// The image of the fixtures: element i is (37 i mod 101) / 101.
HostTensor image(const Shape& shape) {
  HostTensor tensor(DType::f32, shape);
  for (std::int64_t i = 0; i < shape.elements(); ++i)
    tensor.as<float>()[i] = static_cast<float>(37 * i % 101) / 101.0f;
  return tensor;
}

class RecordedFile : public ::testing::TestWithParam<std::string> {};

TEST_P(RecordedFile, ComputesWhatOnnxRuntimeDid) {
  const std::vector<Recorded> outputs = recorded().at(GetParam());
  const Shape& input = outputs[0].input;
  const bool said = GetParam() == "detect.onnx" || GetParam() == "pose.onnx" || GetParam() == "segment.onnx";
  const Model model = said ? fixture(GetParam()) : features_fixture(GetParam());
  const graph::Graph graph =
      model.graph({static_cast<int>(input[0]), static_cast<int>(input[2]), static_cast<int>(input[3])});
  const HostTensor x = image(input);
  const std::vector<HostTensor> results = graph::run_reference(graph, std::vector{x.view()});
  ASSERT_EQ(results.size(), outputs.size());
  for (std::size_t k = 0; k < results.size(); ++k) {
    ASSERT_EQ(results[k].shape(), outputs[k].output);
    float largest = 0, worst = 0;
    for (std::size_t i = 0; i < outputs[k].values.size(); ++i) {
      largest = std::max(largest, std::abs(outputs[k].values[i]));
      worst = std::max(worst, std::abs(results[k].as<float>()[i] - outputs[k].values[i]));
    }
    EXPECT_LE(worst, 1e-5f * largest) << graph.output_names()[k];
  }
}

/// Constants times the tokens of a batch, as read and as written with an open batch: what ONNX Runtime gives
/// at each batch, and no constant that grows with it.
TEST(Products, OfConstantsAndTheTokensOfAnyBatch) {
  const Model model = features_fixture("tokens.onnx");
  const graph::Graph open = model.graph({open_batch_stand_in, 4, 8});
  for (std::size_t i = 0; i < open.value_count(); ++i) {
    const graph::Value& value = open.value(static_cast<graph::ValueId>(i));
    EXPECT_TRUE(!value.constant || value.shape.elements() < 1000) << value.name;
  }
  const std::string file = serialize(open, {.precision = DType::f32, .open_batch = true});
  const Model written =
      read_bytes_as_model(std::as_bytes(std::span(file)), "written.onnx", TaskHint{.task = Task::reid});
  EXPECT_EQ(written.info().fixed_batch, 0);
  std::ifstream stream(test::repository_file("tests/formats/onnx/data/tokens.txt"));
  int batches = 0;
  for (std::string line; std::getline(stream, line); ++batches) {
    std::istringstream words(line);
    int batch = 0;
    words >> batch;
    const std::vector<float> expected{std::istream_iterator<float>(words), {}};
    const HostTensor x = image({batch, 3, 4, 8});
    for (const Model* each : {&model, &written}) {
      const auto results = graph::run_reference(each->graph({batch, 4, 8}), std::vector{x.view()});
      ASSERT_EQ(results.at(0).shape().elements(), std::ssize(expected));
      for (std::size_t i = 0; i < expected.size(); ++i)
        ASSERT_NEAR(results[0].as<float>()[i], expected[i], 1e-4)
            << each->info().name << " " << batch << " " << i;
    }
  }
  EXPECT_EQ(batches, 3);
}

INSTANTIATE_TEST_SUITE_P(Files, RecordedFile,
                         ::testing::Values("layers.onnx", "windows.onnx", "arrays.onnx", "old.onnx",
                                           "arithmetic.onnx", "types.onnx", "padding.onnx", "infinities.onnx",
                                           "products.onnx", "picked.onnx", "detect.onnx", "pose.onnx",
                                           "segment.onnx", "finite/masked_open.onnx",
                                           "finite/masked_diagonal_open.onnx"),
                         [](const auto& info) {
                           const std::size_t name = info.param.rfind('/') + 1;
                           return info.param.substr(name, info.param.find('.') - name);
                         });

}  // namespace
}  // namespace peregrine::onnx
