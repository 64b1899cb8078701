#include "formats/onnx/decoded_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/task/task_traits.h"
#include "formats/advice.h"
#include "graph/head.h"
#include "peregrine/error.h"

namespace peregrine::onnx {

namespace {

using Index = std::int64_t;

/// COCO's: what a row count without any other word is held for only where nothing else is possible, or the
/// user says the task.
constexpr Index coco_classes = 80, coco_keypoints = 17, coco_keypoint_dims = 3;

const Shape& shape_of(const graph::Graph& graph, std::size_t output) {
  return graph.value(graph.outputs()[output]).shape;
}

/// The levels whose cells are so many anchors together: each stride halves the one before it, so that a level
/// has more cells than all coarser ones together and the answer is the only one. Empty where there is none.
std::vector<int> strides_of(const Shape& input, Index anchors) {
  std::vector<int> strides;
  for (int stride = 2; stride <= 128; stride *= 2) {
    if (input[2] % stride != 0 || input[3] % stride != 0) break;
    const Index cells = (input[2] / stride) * (input[3] / stride);
    if (cells > anchors) continue;
    anchors -= cells;
    strides.push_back(stride);
  }
  return anchors == 0 ? strides : std::vector<int>{};
}

bool has_prototypes(const graph::Graph& graph) {
  return graph.outputs().size() == 2 && shape_of(graph, 1).rank() == 4;
}

/// As masks' prototypes are, and no other second output of a detector.
bool is_quarter(const Shape& map, const Shape& input) {
  return map[2] * 4 == input[2] && map[3] * 4 == input[3];
}

/// How many rows behind the box come out of a sigmoid, as scores do; 0 where the file does not show it.
Index score_rows(const graph::Graph& graph) {
  constexpr std::size_t most_parts = 1000;
  std::vector<graph::ValueId> waiting{graph.outputs().front()};
  std::size_t seen = 0;
  Index above = 0, scores = 0;
  while (!waiting.empty() && ++seen < most_parts) {
    const graph::ValueId part = waiting.back();
    waiting.pop_back();
    const graph::Node* maker = graph.producer(part);
    const auto* concat = maker ? std::get_if<graph::Concat>(&maker->operation) : nullptr;
    if (concat && concat->axis == 1) {
      waiting.insert(waiting.end(), maker->inputs.rbegin(), maker->inputs.rend());
      continue;
    }
    const auto* unary = maker ? std::get_if<graph::Unary>(&maker->operation) : nullptr;
    const bool sigmoid = unary && unary->kind == graph::Unary::Kind::sigmoid;
    if (above >= 4 && !sigmoid) break;
    if (above >= 4) scores += graph.value(part).shape[1];
    above += graph.value(part).shape[1];
    if (above > 4 && scores == 0) return 0;  // no part ends with the box
  }
  return seen < most_parts ? scores : 0;
}

constexpr const char* supported_heads =
    "Supported are heads of YOLOv8 and YOLO11 for detect, pose and segment, and OSNet's features.";

/// YOLOv6 puts an objectness of 1 between boxes and classes: read as a class, it would be in every box.
void require_rows_of_the_image(const graph::Graph& graph) {
  constexpr std::size_t most_parts = 1000;
  std::vector<graph::ValueId> waiting{graph.outputs().front()};
  for (std::size_t seen = 0; !waiting.empty() && seen < most_parts; ++seen) {
    const graph::ValueId part = waiting.back();
    waiting.pop_back();
    if (graph.value(part).constant)
      throw Error(
          "model.head",
          fmt::format("its head has rows that do not depend on the image ('{}', {}), as the objectness "
                      "of YOLOv6",
                      graph.value(part).name, to_string(graph.value(part).shape)),
          supported_heads);
    const graph::Node* maker = graph.producer(part);
    const auto* concat = maker ? std::get_if<graph::Concat>(&maker->operation) : nullptr;
    if (concat && concat->axis == 1)
      waiting.insert(waiting.end(), maker->inputs.begin(), maker->inputs.end());
  }
}

[[noreturn]] void ask_for_task(Index rows) {
  const Index numbers = rows - 4;
  std::string pose;
  if (numbers == 1 + coco_keypoints * coco_keypoint_dims)
    pose = fmt::format("pose with 1 class and {} keypoints (--task pose), ", coco_keypoints);
  else if (numbers >= 3)
    pose = "pose with classes and K keypoints of D numbers (--task pose:KxD), ";
  throw Error("model.task",
              fmt::format("the file does not say what its head of {} rows is: detect with {} classes (--task "
                          "detect), {}or OBB "
                          "with {} classes, which is not supported",
                          rows, numbers, pose, numbers - 1),
              "Pass --task with what the model is, or export it with Ultralytics' metadata.");
}

/// What the file itself says the head is; nothing where it does not.
std::optional<Task> settled_task(const graph::Graph& graph, const Stated& stated, bool prototypes) {
  if (stated.task) return stated.task;
  if (prototypes) {
    const bool masks = is_quarter(shape_of(graph, 1), graph.value(graph.inputs().front()).shape);
    return masks ? std::optional(Task::segment) : std::nullopt;
  }
  const Index numbers = shape_of(graph, 0)[1] - 4;
  if (stated.keypoints) return Task::pose;
  if (stated.names && static_cast<Index>(stated.names->size()) == numbers) return Task::detect;
  if (stated.names) return std::nullopt;
  if (numbers == 1)
    return Task::detect;  // one row is one class: it is no keypoint and no angle without a class
  if (numbers == coco_classes && score_rows(graph) == coco_classes) return Task::detect;
  return std::nullopt;
}

/// Of the rows behind the box: the classes, the others being keypoints.
Index pose_classes(const graph::Graph& graph, const Stated& stated, const std::optional<TaskHint>& told) {
  const Index numbers = shape_of(graph, 0)[1] - 4;
  if (stated.keypoints) return numbers - Index{stated.keypoints->first} * stated.keypoints->second;
  if (told && told->keypoints > 0) return numbers - Index{told->keypoints} * told->keypoint_dims;
  if (stated.names) return static_cast<Index>(stated.names->size());
  if (const Index scores = score_rows(graph); scores > 0 && scores < numbers) return scores;
  if (numbers == 1 + coco_keypoints * coco_keypoint_dims) return 1;
  throw Error("model.task",
              fmt::format("the file does not say which of its head's {} rows are keypoints", numbers + 4),
              advice::keypoints_of_task);
}

/// What to do where the counts do not fit what the metadata or the user say.
const char* mended(const Stated& stated, const std::optional<TaskHint>& told) {
  return !stated.keypoints && told && told->keypoints > 0 ? advice::keypoints_of_task : advice::mend_metadata;
}

void require_scores(const graph::Graph& graph, const ModelInfo& info) {
  const Index scores = score_rows(graph), classes = static_cast<Index>(info.class_names.size());
  if (scores == 0 || scores == classes) return;
  throw Error(
      "model.head",
      fmt::format(
          "its head computes {} rows as scores (by a sigmoid), which does not fit a {} model of {} classes",
          scores, to_string(info.task), classes),
      "Pass --task with what the model is, or export it again.");
}

}  // namespace

void set_keypoints(Index channels, const Stated& stated, const std::optional<TaskHint>& told,
                   ModelInfo& info) {
  const bool by_two = channels % 2 == 0, by_three = channels % 3 == 0;
  Index dims = by_three ? 3 : 2;
  if (stated.keypoints)
    dims = stated.keypoints->second;
  else if (told && told->keypoints > 0)
    dims = told->keypoint_dims;
  else if (by_two && by_three)
    throw Error(
        "model.task",
        fmt::format("the file does not say whether {} keypoint rows are {} keypoints of 3 numbers or {} of 2",
                    channels, channels / 3, channels / 2),
        fmt::format("Pass --task pose:{}x3 or --task pose:{}x2.", channels / 3, channels / 2));
  const Index count = stated.keypoints              ? stated.keypoints->first
                      : told && told->keypoints > 0 ? told->keypoints
                                                    : channels / dims;
  if ((dims != 2 && dims != 3) || channels < dims || count * dims != channels)
    throw Error(
        "model.head",
        fmt::format("{} keypoint channels are no {} keypoints of {} numbers each", channels, count, dims),
        mended(stated, told));
  info.keypoints = static_cast<int>(count);
  info.keypoint_dims = static_cast<int>(dims);
}

void set_classes(Index count, const Stated& stated, ModelInfo& info) {
  if (stated.names && static_cast<Index>(stated.names->size()) != count)
    throw Error("model.head",
                fmt::format("its metadata name {} classes, but its head has {}", stated.names->size(), count),
                advice::mend_metadata);
  info.class_names.clear();
  if (stated.names) info.class_names = *stated.names;
  for (Index i = static_cast<Index>(info.class_names.size()); i < count; ++i)
    info.class_names.push_back(fmt::format("class{}", i));
}

Error unknown_head(const graph::Graph& graph) {
  std::string outputs;
  for (std::size_t i = 0; i < graph.outputs().size(); ++i)
    outputs +=
        fmt::format("{}'{}' {}", i == 0 ? "" : ", ", graph.output_names()[i], to_string(shape_of(graph, i)));
  const auto error = [&](std::string_view what, std::string hint) {
    return Error("model.head", fmt::format("its outputs ({}) are {}", outputs, what), std::move(hint));
  };
  if (graph.outputs().empty()) return error("none", supported_heads);
  const Shape& first = shape_of(graph, 0);
  const bool rows_last = first.rank() == 3 && first[1] > first[2];
  if (rows_last && strides_of(graph.value(graph.inputs().front()).shape, first[1]).empty() &&
      first[1] <= 1000)
    return error("final boxes, it seems, not a head's", advice::raw_head);
  if (rows_last)
    return error(
        "boxes in rows, as YOLOv5, YOLOv6 and YOLOv7 give them (with an objectness), or a transposed head",
        supported_heads);
  return error("no detect, pose, segment or ReID head", supported_heads);
}

std::vector<std::string> describe_decoded(const graph::Graph& graph, const Stated& stated,
                                          const std::optional<TaskHint>& told, ModelInfo& info) {
  const bool prototypes = has_prototypes(graph);
  if (shape_of(graph, 0).rank() != 3 || (graph.outputs().size() > 1 && !prototypes))
    throw unknown_head(graph);
  const Index rows = shape_of(graph, 0)[1];
  info.strides = strides_of(graph.value(graph.inputs().front()).shape, shape_of(graph, 0)[2]);
  if (info.strides.empty() || rows < 5) throw unknown_head(graph);

  require_rows_of_the_image(graph);
  const std::optional<Task> settled = settled_task(graph, stated, prototypes);
  if (!settled && !told) ask_for_task(rows);
  info.head = HeadLayout::decoded;
  info.task = settled ? *settled : told->task;
  if (!settled || (traits_of(info).keypoints && !stated.keypoints))
    info.told_task = told ? to_string(*told) : "";
  if (traits_of(info).embeds || prototypes != traits_of(info).masks) throw unknown_head(graph);

  if (traits_of(info).masks) info.mask_channels = static_cast<int>(shape_of(graph, 1)[1]);
  if (traits_of(info).keypoints)
    set_keypoints(rows - 4 - pose_classes(graph, stated, told), stated, told, info);
  const Index classes = rows - 4 - extra_channels(info);
  if (classes < 1)
    throw Error("model.head", fmt::format("its head of {} rows has none left for classes", rows),
                mended(stated, told));
  set_classes(classes, stated, info);
  require_scores(graph, info);
  if (prototypes) return {graph::decoded_output, graph::proto_output};
  return {graph::decoded_output};
}

}  // namespace peregrine::onnx
