#include "model/ultralytics/metadata.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace peregrine::ultralytics {

namespace {

using pickle::Value;

/// Arguments are a dict, or an object whose attributes are.
const Value* argument(const Value* arguments, std::string_view name) {
  if (!arguments) return nullptr;
  const auto* object = pickle::as<pickle::Object>(*arguments);
  return pickle::find(object ? object->state : *arguments, name);
}

/// `names` is a dict by index or a list; indices without a name keep the one they have.
void read_names(const Value& names, std::vector<std::string>& out) {
  const auto set = [&](std::int64_t index, const Value& value) {
    const std::string* name = pickle::text(value);
    if (name && index >= 0 && static_cast<std::size_t>(index) < out.size())
      out[static_cast<std::size_t>(index)] = printable(*name);
  };
  for (const auto& [key, value] : pickle::entries(names))
    if (const auto index = pickle::integer(key)) set(*index, value);
  std::int64_t index = 0;
  for (const Value& value : pickle::items(names).value_or(std::span<const Value>())) set(index++, value);
}

/// `imgsz` is one number, or height and width.
void read_size(const Value& imgsz, ModelInfo& info) {
  const auto pair = pickle::items(imgsz);
  const auto sane = [](std::optional<std::int64_t> size) { return size && *size >= 1 && *size <= 1 << 14; };
  const auto height = pickle::integer(pair && !pair->empty() ? pair->front() : imgsz);
  const auto width = pickle::integer(pair && !pair->empty() ? pair->back() : imgsz);
  if (!sane(height) || !sane(width)) return;
  info.image_height = static_cast<int>(*height);
  info.image_width = static_cast<int>(*width);
}

}  // namespace

void describe_training(const Value& root, const torch::Module& tree, ModelInfo& info) {
  if (const Value* names = tree.attribute("names")) read_names(*names, info.class_names);
  const Value* imgsz = argument(pickle::find(root, "train_args"), "imgsz");
  if (!imgsz) imgsz = argument(tree.attribute("args"), "imgsz");
  if (imgsz) read_size(*imgsz, info);
}

std::string architecture_of(const std::vector<torch::Module>& modules) {
  struct Mark {
    std::string_view block;
    const char* family;
  };
  // Newest first: later families keep using blocks of the earlier ones.
  constexpr std::array<Mark, 4> marks{{{"A2C2f", "YOLO12"}, {"C3k2", "YOLO11"}, {"C2f", "YOLOv8"}, {"C3", "YOLOv5"}}};
  for (const Mark& mark : marks)
    if (std::any_of(modules.begin(), modules.end(), [&](const auto& module) { return module.class_name() == mark.block; }))
      return mark.family;
  return "YOLO";
}

}  // namespace peregrine::ultralytics
