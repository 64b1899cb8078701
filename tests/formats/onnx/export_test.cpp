#include "formats/onnx/write/export.h"

#include <gmock/gmock.h>

#include <cmath>

#include "formats/onnx/files.h"
#include "graph/head.h"
#include "graph/reference.h"

namespace peregrine::onnx {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::array strides{8, 16};

ModelInfo head_info(Task task) {
  ModelInfo info;
  info.task = task;
  info.name = "small.pt";
  info.architecture = "YOLO11";
  info.class_names = {"person", "cat's eye"};
  info.image_height = 32;
  info.image_width = 48;
  info.strides.assign(strides.begin(), strides.end());
  info.dfl_bins = 4;
  if (task == Task::pose) {
    info.keypoints = 2;
    info.keypoint_dims = 3;
  }
  if (task == Task::segment) info.mask_channels = 5;
  return info;
}

/// A raw head straight from the image: mean over each cell, then a 1x1 convolution a branch.
Model raw_head(const ModelInfo& info) {
  return {info, [info](const InputShape& shape) {
            graph::Graph g;
            const auto x =
                g.add_input(graph::input_name, DType::f32, {shape.batch, 3, shape.height, shape.width});
            int seed = 0;
            const auto branch = [&](graph::ValueId from, const std::string& output, std::int64_t channels) {
              HostTensor weight(DType::f32, {channels, 3, 1, 1});
              for (std::int64_t i = 0; i < 3 * channels; ++i)
                weight.as<float>()[i] = static_cast<float>((29 * i + 7 * seed) % 61 - 30) / 8.0f;
              ++seed;
              g.mark_output(g.add(output + ".conv", graph::Conv{},
                                  {from, g.add_constant(output + ".weight", std::move(weight))}),
                            output);
            };
            for (int level = 0; level < static_cast<int>(info.strides.size()); ++level) {
              const std::int64_t s = info.strides[static_cast<std::size_t>(level)];
              const auto cells = g.add(
                  "cells" + std::to_string(level),
                  graph::Pool{.kind = graph::Pool::Kind::average, .kernel = {s, s}, .stride = {s, s}}, {x});
              branch(cells, graph::box_output(level), 4 * info.dfl_bins);
              branch(cells, graph::class_output(level), static_cast<std::int64_t>(info.class_names.size()));
              if (info.task == Task::pose)
                branch(cells, graph::keypoint_output(level), info.keypoints * info.keypoint_dims);
              if (info.task == Task::segment)
                branch(cells, graph::coefficient_output(level), info.mask_channels);
            }
            if (info.task == Task::segment) branch(g.find("cells0"), graph::proto_output, info.mask_channels);
            return g;
          }};
}

HostTensor image(const Shape& shape) {
  HostTensor tensor(DType::f32, shape);
  for (std::int64_t i = 0; i < shape.elements(); ++i)
    tensor.as<float>()[i] = static_cast<float>(37 * i % 101 + i / 64 % 7 * 20) / 240.0f;
  return tensor;
}

/// By output name.
std::map<std::string, HostTensor> run(const Model& model, const InputShape& shape) {
  const graph::Graph graph = model.graph(shape);
  const HostTensor x = image({shape.batch, 3, shape.height, shape.width});
  std::vector<HostTensor> results = graph::run_reference(graph, std::vector{x.view()});
  std::map<std::string, HostTensor> by_name;
  for (std::size_t i = 0; i < results.size(); ++i)
    by_name.emplace(graph.output_names()[i], std::move(results[i]));
  return by_name;
}

Model exported(const Model& model, const ExportOptions& options) {
  const test::TemporaryFolder folder;
  const fs::path file = folder.path() / "small.onnx";
  export_model(model, options, file);
  return load_model(file);
}

/// The decoded head as the formulas say, element by element, in double.
class Expected {
 public:
  Expected(const ModelInfo& info, const std::map<std::string, HostTensor>& raw) : info_(info), raw_(raw) {}

  /// One column: all rows of anchor (y, x) of a level, image n.
  std::vector<double> column(std::int64_t n, int level, std::int64_t y, std::int64_t x) const {
    const double stride = info_.strides[static_cast<std::size_t>(level)];
    const auto at = [&](const std::string& name, std::int64_t channel) {
      const HostTensor& map = raw_.at(name);
      const Shape& s = map.shape();
      return static_cast<double>(map.as<float>()[((n * s[1] + channel) * s[2] + y) * s[3] + x]);
    };
    const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
    std::array<double, 4> side{};
    for (int i = 0; i < 4; ++i) {
      double sum = 0, weighted = 0;
      for (int bin = 0; bin < info_.dfl_bins; ++bin) {
        const double share = std::exp(at(graph::box_output(level), i * info_.dfl_bins + bin));
        sum += share;
        weighted += share * bin;
      }
      const bool plain = info_.dfl_bins == 1;  // no distribution: the distance itself
      side[static_cast<std::size_t>(i)] = plain ? at(graph::box_output(level), i) : weighted / sum;
    }
    const double cx = static_cast<double>(x) + 0.5, cy = static_cast<double>(y) + 0.5;
    std::vector<double> rows{(cx + (side[2] - side[0]) / 2) * stride, (cy + (side[3] - side[1]) / 2) * stride,
                             (side[0] + side[2]) * stride, (side[1] + side[3]) * stride};
    for (std::size_t c = 0; c < info_.class_names.size(); ++c)
      rows.push_back(sigmoid(at(graph::class_output(level), static_cast<std::int64_t>(c))));
    for (int k = 0; k < info_.keypoints; ++k) {
      rows.push_back((2 * at(graph::keypoint_output(level), 3 * k) + cx - 0.5) * stride);
      rows.push_back((2 * at(graph::keypoint_output(level), 3 * k + 1) + cy - 0.5) * stride);
      rows.push_back(sigmoid(at(graph::keypoint_output(level), 3 * k + 2)));
    }
    for (int m = 0; m < info_.mask_channels; ++m) rows.push_back(at(graph::coefficient_output(level), m));
    return rows;
  }

 private:
  const ModelInfo& info_;
  const std::map<std::string, HostTensor>& raw_;
};

class ExportTask : public ::testing::TestWithParam<Task> {};

TEST_P(ExportTask, RawHeadsReadBackAsTheSameGraphAndModel) {
  const ModelInfo info = head_info(GetParam());
  const Model model = raw_head(info);
  const Model back = exported(model, {.precision = DType::f32});
  EXPECT_EQ(graph::digest(back.graph({1, 32, 48})), graph::digest(model.graph({1, 32, 48})));
  EXPECT_EQ(back.info().task, info.task);
  EXPECT_EQ(back.info().head, HeadLayout::raw);
  EXPECT_EQ(back.info().class_names, info.class_names);
  EXPECT_EQ(back.info().strides, info.strides);
  EXPECT_EQ(back.info().dfl_bins, info.dfl_bins);
  EXPECT_EQ(back.info().keypoints, info.keypoints);
  EXPECT_EQ(back.info().keypoint_dims, info.keypoint_dims);
  EXPECT_EQ(back.info().mask_channels, info.mask_channels);
  EXPECT_EQ(back.info().image_width, 48);
  EXPECT_EQ(back.info().fixed_batch, 1);
}

/// Exports with the decoded head, reads that back and compares every anchor with the formulas.
void expect_decoded_as_formulas(ModelInfo info) {
  info.strides = {8, 16, 32};  // levels as files of Ultralytics have them
  const Model model = raw_head(info);
  const Model back = exported(
      model, {.precision = DType::f32, .batch = std::nullopt, .height = 64, .width = 32, .decoded = true});
  EXPECT_EQ(back.info().head, HeadLayout::decoded);
  EXPECT_EQ(back.info().fixed_batch, 0);
  EXPECT_EQ(back.info().class_names, info.class_names);

  const InputShape shape{2, 64, 32};
  const auto raw = run(model, shape), decoded = run(back, shape);
  const HostTensor& output = decoded.at(graph::decoded_output);
  const Expected expected(info, raw);
  const std::int64_t rows = output.shape()[1], anchors = output.shape()[2];
  ASSERT_EQ(anchors, 8 * 4 + 4 * 2 + 2 * 1);
  for (std::int64_t n = 0; n < 2; ++n) {
    std::int64_t anchor = 0;
    for (int level = 0; level < 3; ++level)
      for (std::int64_t y = 0; y < 64 / info.strides[static_cast<std::size_t>(level)]; ++y)
        for (std::int64_t x = 0; x < 32 / info.strides[static_cast<std::size_t>(level)]; ++x, ++anchor) {
          const std::vector<double> column = expected.column(n, level, y, x);
          ASSERT_EQ(static_cast<std::int64_t>(column.size()), rows);
          for (std::int64_t row = 0; row < rows; ++row)
            ASSERT_NEAR(output.as<float>()[(n * rows + row) * anchors + anchor],
                        column[static_cast<std::size_t>(row)], 1e-3)
                << "row " << row << " of anchor " << anchor;
        }
  }
  if (info.task == Task::segment) {
    EXPECT_EQ(graph::digest(back.graph(shape)).size(), 64U);
    EXPECT_EQ(decoded.at(graph::proto_output).shape(), raw.at(graph::proto_output).shape());
  }
}

TEST_P(ExportTask, DecodedHeadsHoldWhatTheFormulasSay) { expect_decoded_as_formulas(head_info(GetParam())); }

TEST_P(ExportTask, AnyCountOfBinsIsDecoded) {
  for (const int bins : {1, 2, 8, 32}) {
    ModelInfo info = head_info(GetParam());
    info.dfl_bins = bins;
    SCOPED_TRACE(bins);
    expect_decoded_as_formulas(info);
  }
}

INSTANTIATE_TEST_SUITE_P(Tasks, ExportTask, ::testing::Values(Task::detect, Task::pose, Task::segment),
                         [](const auto& info) { return to_string(info.param); });

TEST(Export, HalfPrecisionRoundsTheWeightsAndNothingElse) {
  const Model model = raw_head(head_info(Task::detect));  // its weights are exact in FP16
  const Model back = exported(model, {.precision = DType::f16});
  EXPECT_EQ(graph::digest(back.graph({1, 32, 48})), graph::digest(model.graph({1, 32, 48})));
}

TEST(Export, AWeightThatIsNoNumberIsNamedWhereTheFileIsRead) {
  const test::TemporaryFolder folder;
  const fs::path path = folder.path() / "nan.onnx";
  export_model(raw_head(head_info(Task::detect)), {.precision = DType::f32}, path);
  const std::vector<std::byte> bytes = read_bytes(path);
  std::string file(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t at =
      file.find(std::string("\0\0\x70\xc0", 4));  // -3.75, the first weight of the first branch
  ASSERT_NE(at, std::string::npos);
  const auto sentence_with = [&](const std::string& value) {
    file.replace(at, 4, value);
    return error_of([&] { read_bytes_as_model(std::as_bytes(std::span(file))); }).sentence();
  };
  EXPECT_THAT(sentence_with({"\0\0\xc0\x7f", 4}), HasSubstr("box.0.weight has NaN in 1 of 48 values"));
  EXPECT_THAT(sentence_with({"\0\0\x80\x7f", 4}), HasSubstr("box.0.weight has Inf in 1 of 48 values"));
}

TEST(Export, TheSameModelGivesTheSameFile) {
  const test::TemporaryFolder folder;
  const Model model = raw_head(head_info(Task::pose));
  for (const char* name : {"a.onnx", "b.onnx"}) export_model(model, {}, folder.path() / name);
  EXPECT_EQ(read_bytes(folder.path() / "a.onnx"), read_bytes(folder.path() / "b.onnx"));
}

TEST(Export, AFileThatDecodesItsHeadStaysDecoded) {
  const Model decoded = fixture("segment.onnx");
  const Error error = error_of([&] { export_model(decoded, {}, "never.onnx"); });
  EXPECT_EQ(error.code(), "model.head");
  EXPECT_THAT(error.sentence(), HasSubstr("segment.onnx"));
  const Model back = exported(decoded, {.precision = DType::f32, .decoded = true});
  EXPECT_EQ(graph::digest(back.graph({1, 32, 32})), graph::digest(decoded.graph({1, 32, 32})));
}

TEST(Export, EmbeddingsKeepTheirNameAndSize) {
  const Model back = exported(features_fixture("layers.onnx"), {.batch = 1});
  EXPECT_EQ(back.info().task, Task::reid);
  EXPECT_EQ(back.info().image_height, 8);
  EXPECT_THAT(back.graph({1, 8, 8}).output_names(), ElementsAre(graph::features_output));
}

TEST(Export, LeavesNothingBehindWhereItCannotWrite) {
  const test::TemporaryFolder folder;
  const Error error = error_of(
      [&] { export_model(raw_head(head_info(Task::detect)), {}, folder.path() / "missing" / "x.onnx"); });
  EXPECT_EQ(error.code(), "output.write");
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(Export, CheckpointsReadBackAsTheSameGraph) {
  for (const char* name : {"demo-detect.pt", "demo-pose.pt", "demo-segment.pt"}) {
    const Model model = load_model(test::repository_file("models/demo") / name);
    const Model back =
        exported(model, {.precision = DType::f32, .batch = std::nullopt, .height = 160, .width = 128});
    EXPECT_EQ(graph::digest(back.graph({2, 160, 128})), graph::digest(model.graph({2, 160, 128}))) << name;
    EXPECT_EQ(back.info().class_names, model.info().class_names) << name;
  }
}

}  // namespace
}  // namespace peregrine::onnx
