#include "model/onnx/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "graph/head.h"
#include "model/class_names.h"
#include "model/head_check.h"
#include "model/onnx/python_literal.h"
#include "peregrine/error.h"

namespace peregrine::onnx {

namespace {

using Metadata = std::map<std::string, std::string>;

std::optional<std::vector<std::int64_t>> integers(const Metadata& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? std::nullopt : parse_integers(found->second);
}

std::optional<Task> task_of(const Metadata& metadata) {
  const auto found = metadata.find("task");
  if (found == metadata.end()) return std::nullopt;
  if (const std::optional<Task> task = parse_task(found->second)) return task;
  throw Error("model.unsupported", fmt::format("models for the task '{}' are not supported", found->second),
              "Supported are detect, pose, segment and reid.");
}

/// Size of the picture: what the file fixes, else what it was trained at, else what suits the task.
void set_size(const Network& network, bool reid, ModelInfo& info) {
  const auto trained = integers(network.metadata(), "imgsz");
  const auto choose = [&](std::size_t axis, int fallback) {
    if (network.input()[axis] != 0) return static_cast<int>(network.input()[axis]);
    const auto sane = [](std::int64_t side) { return side >= 1 && side <= 1 << 14; };
    if (!trained || trained->empty()) return fallback;
    const std::int64_t side = axis == 2 ? trained->front() : trained->back();
    return sane(side) ? static_cast<int>(side) : fallback;
  };
  info.image_height = choose(2, reid ? 256 : 640);
  info.image_width = choose(3, reid ? 128 : 640);
  info.dynamic_shape = network.input()[2] == 0 && network.input()[3] == 0;
  info.fixed_batch = static_cast<int>(network.input()[0]);
}

void set_keypoints(const Metadata& metadata, std::int64_t channels, ModelInfo& info) {
  const auto shape = integers(metadata, "kpt_shape");
  const bool told = shape && shape->size() == 2;
  const std::int64_t dims = told ? shape->back() : 3;
  if ((dims != 2 && dims != 3) || channels < dims || channels % dims != 0 || (told && shape->front() != channels / dims))
    throw Error("model.head", fmt::format("{} keypoint channels are no keypoints of {} numbers each", channels, dims));
  info.keypoints = static_cast<int>(channels / dims);
  info.keypoint_dims = static_cast<int>(dims);
}

void set_classes(const Metadata& metadata, std::int64_t count, ModelInfo& info) {
  const auto found = metadata.find("names");
  const auto names = found == metadata.end() ? std::nullopt : parse_names(found->second);
  info.class_names = name_classes(names.value_or(std::map<std::int64_t, std::string>{}), count);
}

/// How many classes the metadata names; 0 where it does not.
std::int64_t named_classes(const Metadata& metadata) {
  const auto found = metadata.find("names");
  const auto names = found == metadata.end() ? std::nullopt : parse_names(found->second);
  return names ? static_cast<std::int64_t>(names->size()) : 0;
}

Error unknown_head(const graph::Graph& graph) {
  std::string outputs;
  for (std::size_t i = 0; i < graph.outputs().size(); ++i)
    outputs +=
        fmt::format("{}'{}' {}", i == 0 ? "" : ", ", graph.output_names()[i], to_string(graph.value(graph.outputs()[i]).shape));
  return {"model.head", fmt::format("its outputs ({}) are no detect, pose, segment or ReID head", outputs),
          "Export from Ultralytics YOLOv8 or YOLO11 without suppression (nms=False), or an OSNet."};
}

/// Names, channels and extents of what the graph puts out.
class Outputs {
 public:
  explicit Outputs(const graph::Graph& graph) : graph_(graph) {}

  bool has(const std::string& name) const { return index(name) < graph_.output_names().size(); }
  const Shape& shape(const std::string& name) const {
    if (!has(name)) throw Error("model.head", fmt::format("the output '{}' is missing", name));
    const Shape& shape = graph_.value(graph_.outputs()[index(name)]).shape;
    if (shape.rank() != 4)
      throw Error("model.head", fmt::format("the output '{}' is {} instead of N x C x H x W", name, to_string(shape)));
    return shape;
  }

 private:
  std::size_t index(const std::string& name) const {
    return static_cast<std::size_t>(std::ranges::find(graph_.output_names(), name) - graph_.output_names().begin());
  }

  const graph::Graph& graph_;
};

/// Our own exports: outputs named after graph/head.h.
void describe_raw(const Network& network, const graph::Graph& graph, ModelInfo& info) {
  const Outputs outputs(graph);
  const std::int64_t height = graph.value(graph.inputs()[0]).shape[2];
  info.head = HeadLayout::raw;
  info.strides.clear();
  for (int level = 0; outputs.has(graph::box_output(level)); ++level)
    info.strides.push_back(static_cast<int>(height / outputs.shape(graph::box_output(level))[2]));
  info.dfl_bins = static_cast<int>(outputs.shape(graph::box_output(0))[1] / 4);
  set_classes(network.metadata(), outputs.shape(graph::class_output(0))[1], info);
  if (info.task == Task::pose) set_keypoints(network.metadata(), outputs.shape(graph::keypoint_output(0))[1], info);
  if (info.task == Task::segment) info.mask_channels = static_cast<int>(outputs.shape(graph::proto_output)[1]);
  check_head(graph, info);
}

/// Strides whose levels together have so many anchors; empty where none of the usual sets fits.
std::vector<int> strides_for(const Shape& input, std::int64_t anchors) {
  const std::array<std::vector<int>, 3> usual{{{8, 16, 32}, {8, 16, 32, 64}, {4, 8, 16, 32}}};
  for (const std::vector<int>& strides : usual) {
    std::int64_t sum = 0;
    for (const int stride : strides) sum += ((input[2] + stride - 1) / stride) * ((input[3] + stride - 1) / stride);
    if (sum == anchors) return strides;
  }
  return {};
}

/// Ultralytics' layout: [N, 4 + classes + extra, anchors], for segment also the prototypes.
std::vector<std::string> describe_decoded(const Network& network, const graph::Graph& graph, std::optional<Task> told,
                                          ModelInfo& info) {
  const auto shape_at = [&](std::size_t i) { return graph.value(graph.outputs()[i]).shape; };
  const bool prototypes = graph.outputs().size() == 2 && shape_at(1).rank() == 4;
  if (shape_at(0).rank() != 3 || (graph.outputs().size() > 1 && !prototypes)) throw unknown_head(graph);
  const std::int64_t rows = shape_at(0)[1];
  constexpr std::int64_t coco_pose_rows = 4 + 1 + 17 * 3;  // without metadata, the one count that is surely no class count
  info.task = told ? *told : prototypes ? Task::segment : rows == coco_pose_rows ? Task::pose : Task::detect;
  info.head = HeadLayout::decoded;
  info.strides = strides_for(graph.value(graph.inputs()[0]).shape, shape_at(0)[2]);

  const std::int64_t named = named_classes(network.metadata());
  std::int64_t classes = rows - 4;
  if (info.task == Task::segment) {
    info.mask_channels = prototypes ? static_cast<int>(shape_at(1)[1]) : 0;
    classes -= info.mask_channels;
  } else if (info.task == Task::pose) {
    classes = named > 0 ? named : 1;
    set_keypoints(network.metadata(), rows - 4 - classes, info);
  }
  if (info.strides.empty() || classes < 1 || (named > 0 && named != classes) || prototypes != (info.task == Task::segment) ||
      info.task == Task::reid)
    throw unknown_head(graph);
  set_classes(network.metadata(), classes, info);
  if (prototypes) return {graph::decoded_output, graph::proto_output};
  return {graph::decoded_output};
}

Task task_of_raw(const Outputs& outputs) {
  return outputs.has(graph::keypoint_output(0))      ? Task::pose
         : outputs.has(graph::coefficient_output(0)) ? Task::segment
                                                     : Task::detect;
}

}  // namespace

Description describe(const Network& network, ModelInfo info) {
  const std::optional<Task> told = task_of(network.metadata());
  info.architecture = "ONNX";
  set_size(network, told == Task::reid, info);
  const int batch = std::max(info.fixed_batch, 1);
  const graph::Graph graph = network.graph({batch, info.image_height, info.image_width}, network.outputs());
  if (graph.outputs().empty()) throw unknown_head(graph);

  const Outputs outputs(graph);
  if (outputs.has(graph::box_output(0))) {
    info.task = told.value_or(task_of_raw(outputs));
    describe_raw(network, graph, info);
    return {std::move(info), network.outputs()};
  }
  const Shape first = graph.value(graph.outputs()[0]).shape;
  if (graph.outputs().size() == 1 && first.rank() == 2 && told.value_or(Task::reid) == Task::reid) {
    set_size(network, true, info);
    info.task = Task::reid;
    info.head = HeadLayout::raw;
    info.class_names.clear();
    info.embedding = static_cast<int>(first[1]);
    return {std::move(info), {graph::features_output}};
  }
  std::vector<std::string> names = describe_decoded(network, graph, told, info);
  return {std::move(info), std::move(names)};
}

}  // namespace peregrine::onnx
