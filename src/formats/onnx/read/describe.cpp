#include "formats/onnx/read/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/task/task_traits.h"
#include "formats/advice.h"
#include "formats/head_check.h"
#include "formats/onnx/decoded_head.h"
#include "formats/onnx/metadata.h"
#include "graph/head.h"
#include "peregrine/error.h"

namespace peregrine::onnx {

namespace {

/// Size of the image: what the file fixes, else what it was trained at, else what suits the task.
void set_size(const Network& network, const Stated& stated, Task task, ModelInfo& info) {
  const auto choose = [&](std::size_t axis, int trained) {
    return network.input()[axis] != 0 ? static_cast<int>(network.input()[axis]) : trained;
  };
  const TaskTraits& traits = traits_of(task);
  const auto [height, width] = stated.size.value_or(std::pair{traits.image_height, traits.image_width});
  info.image_height = choose(2, height);
  info.image_width = choose(3, width);
  info.dynamic_shape = network.input()[2] == 0 && network.input()[3] == 0;
  info.fixed_batch = static_cast<int>(network.input()[0]);
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
      throw Error("model.head",
                  fmt::format("the output '{}' is {} instead of N x C x H x W", name, to_string(shape)));
    return shape;
  }

 private:
  std::size_t index(const std::string& name) const {
    return static_cast<std::size_t>(std::ranges::find(graph_.output_names(), name) -
                                    graph_.output_names().begin());
  }

  const graph::Graph& graph_;
};

/// The one whose extra output is there, else the one that has none.
const TaskTraits& task_of_raw(const Outputs& outputs) {
  for (const TaskTraits& traits : all_tasks())
    if (traits.extra_output && outputs.has(traits.extra_output(0))) return traits;
  return traits_of(Task::detect);
}

/// Our own exports: outputs named after graph/head.h.
void describe_raw(const graph::Graph& graph, const Stated& stated, const std::optional<TaskHint>& told,
                  ModelInfo& info) {
  const Outputs outputs(graph);
  const std::int64_t height = graph.value(graph.inputs()[0]).shape[2];
  const TaskTraits& found = task_of_raw(outputs);
  const TaskTraits& traits = stated.task ? traits_of(*stated.task) : found;
  if (traits.embeds || traits.extra_output != found.extra_output)
    throw Error("model.head", fmt::format("its metadata say {}, but its outputs are those of a {} model",
                                          traits.name, found.name));
  info.task = traits.task;
  info.head = HeadLayout::raw;
  info.strides.clear();
  for (int level = 0; outputs.has(graph::box_output(level)); ++level)
    info.strides.push_back(static_cast<int>(height / outputs.shape(graph::box_output(level))[2]));
  info.dfl_bins = static_cast<int>(outputs.shape(graph::box_output(0))[1] / 4);
  set_classes(outputs.shape(graph::class_output(0))[1], stated, info);
  if (traits.keypoints) set_keypoints(outputs.shape(traits.extra_output(0))[1], stated, told, info);
  if (traits.masks) info.mask_channels = static_cast<int>(outputs.shape(graph::proto_output)[1]);
  check_head(graph, info);
}

/// A row of numbers an image: features, where somebody says so.
bool is_features(const graph::Graph& graph, const Stated& stated, const std::optional<TaskHint>& told) {
  const Shape& first = graph.value(graph.outputs()[0]).shape;
  if (graph.outputs().size() != 1 || first.rank() != 2) return false;
  if (stated.task) return traits_of(*stated.task).embeds;
  if (!told)
    throw Error("model.task",
                fmt::format("the file does not say what its output {} is: a person's features (--task reid), "
                            "or a classifier's "
                            "scores, which are not supported",
                            to_string(first)),
                "Pass --task reid where it is a ReID model.");
  return traits_of(told->task).embeds;
}

}  // namespace

Description describe(const Network& network, ModelInfo info, const std::optional<TaskHint>& told) {
  const Stated stated = stated_by(network.metadata());
  if (stated.final_boxes)  // said before the operators that select them are looked at
    throw Error("model.head",
                "its metadata say that it selects its boxes itself (nms or end2end): its outputs are final "
                "boxes, not a head's",
                advice::raw_head);
  info.architecture = "ONNX";
  set_size(network, stated, stated.task.value_or(told ? told->task : Task::detect), info);
  const InputShape shape{std::max(info.fixed_batch, 1), info.image_height, info.image_width};
  const graph::Graph graph = network.graph(shape, network.outputs());
  if (graph.outputs().empty()) throw unknown_head(graph);

  if (Outputs(graph).has(graph::box_output(0))) {
    describe_raw(graph, stated, told, info);
    return {std::move(info), network.outputs()};
  }
  if (is_features(graph, stated, told)) {
    info.task = stated.task ? *stated.task : told->task;
    info.head = HeadLayout::raw;
    info.class_names.clear();
    info.embedding = static_cast<int>(graph.value(graph.outputs()[0]).shape[1]);
    if (!stated.task) info.told_task = to_string(info.task);
    (void)network.graph(shape, {graph::features_output}, true);  // it takes what ReID models are given
    return {std::move(info), {graph::features_output}};
  }
  std::vector<std::string> names = describe_decoded(graph, stated, told, info);
  return {std::move(info), std::move(names)};
}

}  // namespace peregrine::onnx
