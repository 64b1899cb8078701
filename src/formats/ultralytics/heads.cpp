#include "formats/ultralytics/heads.h"

#include <fmt/format.h>

#include <cmath>

#include "core/task/task_traits.h"
#include "formats/ultralytics/stock_state.h"
#include "graph/head.h"

namespace peregrine::ultralytics {

namespace {

struct HeadClass {
  StockClass stock;
  Task task;
};

// `inplace` and what follows it does not change the values of the raw head; `end2end`, `export` and `xyxy`
// are checked.
constexpr HeadClass head_classes[] = {
    {{place::head,
      "Detect",
      {"nc nl reg_max no stride inplace anchors strides shape dynamic format max_det legacy agnostic_nms "
       "end2end export xyxy",
       "", "cv2 cv3 dfl"}},
     Task::detect},
    {{place::head,
      "Pose",
      {"nc nl reg_max no stride kpt_shape nk detect inplace anchors strides shape dynamic format max_det "
       "legacy agnostic_nms "
       "end2end export xyxy",
       "", "cv2 cv3 cv4 dfl"}},
     Task::pose},
    {{place::head,
      "Segment",
      {"nc nl reg_max no stride nm npr detect inplace anchors strides shape dynamic format max_det legacy "
       "agnostic_nms "
       "end2end export xyxy",
       "", "cv2 cv3 cv4 proto dfl"}},
     Task::segment},
};

const HeadClass* find_class(const Module& module) {
  for (const HeadClass& known : head_classes)
    if (known.stock.matches(module)) return &known;
  return nullptr;
}

/// An attribute that must be a sane positive count.
int count(const Module& head, std::string_view name) {
  const std::int64_t value = head.integer(name);
  if (value < 1 || value > 1 << 16) throw unsupported_module(head, fmt::format("has {} = {}", name, value));
  return static_cast<int>(value);
}

std::vector<int> read_strides(const Module& head, Weights& weights) {
  const pickle::Value* value = head.attribute("stride");
  if (!value) throw unsupported_module(head, "has no strides");
  const Constant strides = weights.tensor(head.path() + ".stride", *value);
  std::vector<int> levels;
  for (std::int64_t i = 0; i < strides->shape().elements(); ++i) {
    const float stride = strides->as<float>()[i];
    if (!(stride >= 1 && stride <= 1024) || stride != std::floor(stride) ||
        (i > 0 && stride <= static_cast<float>(levels.back())))
      throw unsupported_module(head, "has strides that do not rise in whole numbers");
    levels.push_back(static_cast<int>(stride));
  }
  if (levels.empty() || static_cast<std::int64_t>(levels.size()) != head.integer("nl"))
    throw unsupported_module(head, "has another number of strides than of levels");
  return levels;
}

/// The layer that turns bins into distances: with one bin none, else the stock one, whose weights are the
/// bins' numbers.
void require_stock_bins(const Module& head, int bins, Weights& weights) {
  if (bins == 1) {
    if (const auto part = head.find_child("dfl")) require_stock(*part, identity);
    return;
  }
  const Module layer = stock_child(head, "dfl", dfl);
  const Module conv = stock_child(layer, "conv", conv2d);
  const pickle::Value* weight = conv.tensor("weight");
  if (!weight) throw unsupported_module(conv, "has no weight");
  const Constant numbers = weights.tensor(conv.path() + ".weight", *weight);
  bool stock = numbers->shape() == Shape{1, bins, 1, 1} && !conv.tensor("bias");
  for (int i = 0; stock && i < bins; ++i) stock = numbers->as<float>()[i] == static_cast<float>(i);
  if (!stock) throw unsupported_module(conv, fmt::format("does not hold the numbers 0 to {}", bins - 1));
}

/// Heads of YOLOv10 and YOLO26 have a second set of branches, whose boxes need no suppression and are
/// computed in another way.
void require_one_set_of_branches(const Module& head) {
  for (const std::string& name : head.child_names())
    if (name.starts_with("one2one")) throw end_to_end_head(head);
  for (const char* flag : {"end2end", "export", "xyxy"})
    if (head.flag(flag, false)) throw unsupported_module(head, fmt::format("has '{}' set", flag));
}

/// One branch a level of a list of branches; marks what comes out.
void lower_branches(Lowering& lowering, const Module& list, std::span<const ValueId> levels,
                    std::string (*output)(int)) {
  require_stock(list, module_list);
  const std::vector<Module> branches = list.children();
  if (branches.size() != levels.size()) throw unsupported_module(list, "has not one branch a level");
  for (std::size_t i = 0; i < levels.size(); ++i)
    lowering.graph().mark_output(lowering.module(branches[i], levels[i]), output(static_cast<int>(i)));
}

}  // namespace

bool is_head(const Module& module) { return find_class(module) != nullptr; }

void describe_head(const Module& head, Weights& weights, ModelInfo& info) {
  const HeadClass* known = find_class(head);
  if (!known) throw unsupported_class(head);
  require_one_set_of_branches(head);
  require_stock(head, known->stock);
  info.task = known->task;
  info.head = HeadLayout::raw;
  info.strides = read_strides(head, weights);
  info.dfl_bins = count(head, "reg_max");
  require_stock_bins(head, info.dfl_bins, weights);
  info.class_names.clear();
  for (int i = 0; i < count(head, "nc"); ++i) info.class_names.push_back(fmt::format("class{}", i));
  if (traits_of(known->task).keypoints) {
    const graph::Pair shape = head.pair("kpt_shape");
    if (shape[0] < 1 || (shape[1] != 2 && shape[1] != 3))
      throw unsupported_module(head, "has an unsupported kpt_shape");
    info.keypoints = static_cast<int>(shape[0]);
    info.keypoint_dims = static_cast<int>(shape[1]);
  }
  if (traits_of(known->task).masks) info.mask_channels = count(head, "nm");
}

void lower_head(Lowering& lowering, const Module& head, std::span<const ValueId> levels) {
  const TaskTraits& traits = traits_of(find_class(head)->task);
  lower_branches(lowering, head.child("cv2"), levels, graph::box_output);
  lower_branches(lowering, head.child("cv3"), levels, graph::class_output);
  if (traits.extra_output) lower_branches(lowering, head.child("cv4"), levels, traits.extra_output);
  if (traits.masks)
    lowering.graph().mark_output(lowering.child(head, "proto", levels.front()), graph::proto_output);
}

}  // namespace peregrine::ultralytics
