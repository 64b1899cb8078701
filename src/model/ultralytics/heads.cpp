#include "model/ultralytics/heads.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "graph/head.h"

namespace peregrine::ultralytics {

namespace {

struct HeadClass {
  std::string_view name;
  Task task;
};

constexpr std::array<HeadClass, 3> head_classes{{{"Detect", Task::detect}, {"Pose", Task::pose}, {"Segment", Task::segment}}};

const HeadClass* find_class(const Module& module) {
  const std::string name = module.class_name();
  for (const HeadClass& known : head_classes)
    if (known.name == name) return &known;
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

/// One branch a level of a list of branches; marks what comes out.
void lower_branches(Lowering& lowering, const Module& list, std::span<const ValueId> levels, std::string (*output)(int)) {
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
  if (head.find_child("one2one_cv2")) throw unsupported_module(head, "is an end-to-end head without NMS");
  info.task = known->task;
  info.head = HeadLayout::raw;
  info.strides = read_strides(head, weights);
  info.dfl_bins = count(head, "reg_max");
  info.class_names.clear();
  for (int i = 0; i < count(head, "nc"); ++i) info.class_names.push_back(fmt::format("class{}", i));
  if (known->task == Task::pose) {
    const graph::Pair shape = head.pair("kpt_shape");
    if (shape[0] < 1 || (shape[1] != 2 && shape[1] != 3)) throw unsupported_module(head, "has an unsupported kpt_shape");
    info.keypoints = static_cast<int>(shape[0]);
    info.keypoint_dims = static_cast<int>(shape[1]);
  }
  if (known->task == Task::segment) info.mask_channels = count(head, "nm");
}

void lower_head(Lowering& lowering, const Module& head, std::span<const ValueId> levels) {
  const Task task = find_class(head)->task;
  lower_branches(lowering, head.child("cv2"), levels, graph::box_output);
  lower_branches(lowering, head.child("cv3"), levels, graph::class_output);
  if (task == Task::pose) lower_branches(lowering, head.child("cv4"), levels, graph::keypoint_output);
  if (task == Task::segment) {
    lower_branches(lowering, head.child("cv4"), levels, graph::coefficient_output);
    lowering.graph().mark_output(lowering.child(head, "proto", levels.front()), graph::proto_output);
  }
}

}  // namespace peregrine::ultralytics
