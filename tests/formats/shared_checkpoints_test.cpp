// The stock checkpoints, where the shared data is at hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "formats/model.h"
#include "graph/head.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

Shape output_shape(const graph::Graph& graph, const std::string& name) {
  return graph.value(graph.find(name)).shape;
}

/// Elements of all constants: the parameters, batch-norm folded.
std::int64_t parameters(const graph::Graph& graph) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < graph.value_count(); ++i)
    if (const auto& constant = graph.value(static_cast<graph::ValueId>(i)).constant)
      count += constant->shape().elements();
  return count;
}

struct Expected {
  const char* file;
  const char* architecture;
  Task task;
  std::size_t classes;
  std::int64_t parameters;  ///< as PyTorch counts them in the fused model, without DFL's fixed 16, plus
                            ///< attention's scale
  std::vector<std::string> outputs;
};

const Expected stock[] = {
    {"yolo11n.pt",
     "YOLO11",
     Task::detect,
     80,
     2616233,
     {"box.0", "box.1", "box.2", "cls.0", "cls.1", "cls.2"}},
    {"yolov8n.pt",
     "YOLOv8",
     Task::detect,
     80,
     3151888,
     {"box.0", "box.1", "box.2", "cls.0", "cls.1", "cls.2"}},
    {"yolo11n-pose.pt",
     "YOLO11",
     Task::pose,
     1,
     2866453,
     {"box.0", "box.1", "box.2", "cls.0", "cls.1", "cls.2", "kpt.0", "kpt.1", "kpt.2"}},
    {"yolo11n-seg.pt",
     "YOLO11",
     Task::segment,
     80,
     2868649,
     {"box.0", "box.1", "box.2", "cls.0", "cls.1", "cls.2", "coef.0", "coef.1", "coef.2", "proto"}},
};

class StockCheckpoint : public testing::TestWithParam<Expected> {};

TEST_P(StockCheckpoint, HasItsTaskClassesAndShapes) {
  PEREGRINE_NEED_SHARED_DATA(data);
  const Model model = load_model(data / "weights" / GetParam().file);
  const ModelInfo& info = model.info();
  EXPECT_EQ(info.name, GetParam().file);
  EXPECT_EQ(info.architecture, GetParam().architecture);
  EXPECT_EQ(info.task, GetParam().task);
  EXPECT_EQ(info.class_names.size(), GetParam().classes);
  EXPECT_EQ(info.class_names.front(), "person");
  EXPECT_EQ(info.strides, (std::vector<int>{8, 16, 32}));
  EXPECT_EQ(info.image_height, 640);
  EXPECT_EQ(info.image_width, 640);
  EXPECT_EQ(info.dfl_bins, 16);

  const graph::Graph graph = model.graph({2, 320, 640});
  EXPECT_EQ(graph.output_names(), GetParam().outputs);
  EXPECT_EQ(parameters(graph), GetParam().parameters);
  EXPECT_EQ(output_shape(graph, "box.0"), (Shape{2, 64, 40, 80}));
  EXPECT_EQ(output_shape(graph, "cls.2"), (Shape{2, static_cast<std::int64_t>(GetParam().classes), 10, 20}));
  if (info.task == Task::pose) {
    EXPECT_EQ(output_shape(graph, "kpt.1"), (Shape{2, 51, 20, 40}));
  }
  if (info.task == Task::segment) {
    EXPECT_EQ(output_shape(graph, "proto"), (Shape{2, 32, 80, 160}));
  }
}

TEST_P(StockCheckpoint, GraphsShareTheirWeights) {
  PEREGRINE_NEED_SHARED_DATA(data);
  const Model model = load_model(data / "weights" / GetParam().file);
  const graph::Graph small = model.graph({1, 64, 64}), large = model.graph({1, 128, 128});
  const graph::ValueId weight = small.nodes().front().inputs[1];
  EXPECT_EQ(small.value(weight).constant, large.value(weight).constant);
}

std::string test_name(std::string file) {
  const auto is_other = [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); };
  std::replace_if(file.begin(), file.end(), is_other, '_');
  return file;
}

INSTANTIATE_TEST_SUITE_P(Ultralytics, StockCheckpoint, testing::ValuesIn(stock),
                         [](const auto& test) { return test_name(test.param.file); });

/// The medium sizes lie there compressed.
struct Compressed {
  const char* file;
  Task task;
  std::int64_t parameters;
};

class CompressedCheckpoint : public testing::TestWithParam<Compressed> {};

TEST_P(CompressedCheckpoint, IsRead) {
  PEREGRINE_NEED_SHARED_DATA(data);
  const test::TemporaryFolder folder;
  const std::filesystem::path unpacked = folder.path() / GetParam().file;
  const std::string command = "xz -dc '" + (data / "weights" / GetParam().file).string() + ".xz' > '" +
                              unpacked.string() + "' 2> /dev/null";
  if (std::system(command.c_str()) != 0) GTEST_SKIP() << "xz is not installed";
  const Model model = load_model(unpacked);
  EXPECT_EQ(model.info().task, GetParam().task);
  const InputShape shape{1, model.info().image_height, model.info().image_width};
  EXPECT_EQ(parameters(model.graph(shape)), GetParam().parameters);
}

INSTANTIATE_TEST_SUITE_P(Medium, CompressedCheckpoint,
                         testing::Values(Compressed{"yolo11m-synthetic.pt", Task::detect, 20091697},
                                         Compressed{"yolo11m-pose-synthetic.pt", Task::pose, 20888989},
                                         Compressed{"yolo11m-seg-synthetic.pt", Task::segment, 22396977},
                                         Compressed{"osnet_x1_0-synthetic.pth", Task::reid, 2157476}),
                         [](const auto& test) { return test_name(test.param.file); });

TEST(OsnetCheckpoint, TrainingLayoutIsRead) {
  PEREGRINE_NEED_SHARED_DATA(data);
  const Model model = load_model(data / "weights" / "osnet_x0_25_msmt17.pth");
  EXPECT_EQ(model.info().task, Task::reid);
  EXPECT_EQ(model.info().architecture, "OSNet x0_25");
  EXPECT_EQ(model.info().embedding, 512);
  EXPECT_EQ(model.info().image_height, 256);
  EXPECT_EQ(model.info().image_width, 128);
  EXPECT_TRUE(model.info().class_names.empty());
  const graph::Graph graph = model.graph({3, 256, 128});
  EXPECT_EQ(output_shape(graph, "features"), (Shape{3, 512}));
  EXPECT_EQ(parameters(graph), 198088);
}

}  // namespace
}  // namespace peregrine
