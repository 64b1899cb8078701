#include "formats/ultralytics/metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

#include "core/log.h"
#include "core/text.h"
#include "formats/class_names.h"
#include "peregrine/error.h"

namespace peregrine::ultralytics {

namespace {

using pickle::Value;

/// Arguments are a dict, or an object whose attributes are.
const Value* argument(const Value* arguments, std::string_view name) {
  if (!arguments) return nullptr;
  const auto* object = pickle::as<pickle::Object>(*arguments);
  return pickle::find(object ? object->state : *arguments, name);
}

[[noreturn]] void no_names(const char* what) {
  throw Error("model.names", fmt::format("the class names are {}", what),
              "Set them in the checkpoint, with Ultralytics: model.names = {0: 'person', ...}.");
}

/// Says of NumPy's scalars what they are: Python writes all of them as texts, this reader texts and numbers.
[[noreturn]] void no_names(const Value& value, const char* otherwise) {
  no_names(pickle::class_name(value).starts_with("numpy.") ? "NumPy's scalars of a kind that is not read"
                                                           : otherwise);
}

/// A number of NumPy as its str() writes it in every version: beyond these bounds they differ.
std::string name_of(float number) {
  const float size = std::abs(number);
  if (size != 0 && !(size >= 0.001f && size < 1000)) no_names("NumPy's numbers of 16 or 32 bits");
  const std::string text = fmt::format("{}", number);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

/// A name as Python's str() writes it.
std::string name_of(const Value& value) {
  if (const std::string* text = pickle::text(value)) return printable(*text);
  if (pickle::is_none(value)) return "None";
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "True" : "False";
  if (const auto whole = pickle::integer(value)) return fmt::format("{}", *whole);
  if (const auto* single = std::get_if<float>(&value)) return name_of(*single);
  if (const auto number = pickle::number(value)) return python_text(*number);
  if (const auto* big = pickle::as<pickle::BigInteger>(value); big && !big->digits.starts_with("0x"))
    return big->digits;
  no_names(value, "neither texts nor numbers");
}

/// A key of `names` as Python's int() reads it.
std::int64_t index_of(const Value& key) {
  std::int64_t index = 0;
  if (const std::string* text = pickle::text(key); text && parse_class_index(*text, index)) return index;
  constexpr double most = 1 << 20;
  const auto number = pickle::text(key) ? std::nullopt : pickle::number(key);
  if (!number || !(std::abs(*number) < most)) no_names(key, "not by index");
  return static_cast<std::int64_t>(*number);
}

/// `names` is a dict by index or a list; a class without a name keeps the default.
void read_names(const Value& names, std::vector<std::string>& out) {
  std::map<std::int64_t, std::string> by_index;
  if (const auto list = pickle::items(names)) {
    for (const Value& value : *list)
      by_index.emplace(static_cast<std::int64_t>(by_index.size()), name_of(value));
  } else if (!pickle::is_none(names)) {
    if (!pickle::as<pickle::Dict>(names) && pickle::entries(names).empty())
      no_names("neither a dict nor a list");
    for (const auto& [key, value] : pickle::entries(names))
      by_index.insert_or_assign(index_of(key), name_of(value));
  }
  out = name_classes(by_index, static_cast<std::int64_t>(out.size()));
}

/// One side of `imgsz`: a whole number, maybe spelled as a float or as text.
int side_of(const Value& value) {
  constexpr std::int64_t most = 1 << 14;
  std::int64_t side = 0;
  if (const std::string* text = pickle::text(value);
      text && parse_class_index(*text, side) && side >= 1 && side <= most)
    return static_cast<int>(side);
  const auto number = pickle::text(value) ? std::nullopt : pickle::number(value);
  if (!number || !(*number >= 1 && *number <= most) || *number != std::floor(*number))
    throw Error("model.size", "the training size that the checkpoint names (imgsz) is no size in pixels",
                "Set it in the checkpoint, with Ultralytics: train_args['imgsz'] = 640.");
  return static_cast<int>(*number);
}

/// "640", or "480,640" as `--imgsz` has it.
std::string size_text(int height, int width) {
  return height == width ? std::to_string(height) : fmt::format("{},{}", height, width);
}

/// `imgsz` is one number, or height and width. As `--imgsz` does, sides round up to what the network can
/// take, and the log says so.
void read_size(const Value& imgsz, ModelInfo& info) {
  if (pickle::is_none(imgsz)) return;
  const auto pair = pickle::items(imgsz);
  const int height = side_of(pair && !pair->empty() ? pair->front() : imgsz);
  const int width = side_of(pair && !pair->empty() ? pair->back() : imgsz);
  const int stride = info.strides.empty() ? 1 : info.strides.back();
  const auto rounded = [&](int side) { return (side + stride - 1) / stride * stride; };
  info.image_height = rounded(height);
  info.image_width = rounded(width);
  if (info.image_height != height || info.image_width != width)
    log::info(fmt::format("{}: the training size {} is rounded up to {}: the sides are multiples of {}.",
                          info.name, size_text(height, width), size_text(info.image_height, info.image_width),
                          stride));
}

}  // namespace

void describe_training(const Value& root, const torch::Module& tree, ModelInfo& info) {
  if (const Value* names = tree.attribute("names")) read_names(*names, info.class_names);
  // The network's own `args` do not count: Ultralytics replaces them by train_args, or by its defaults.
  if (const Value* imgsz = argument(pickle::find(root, "train_args"), "imgsz")) read_size(*imgsz, info);
}

std::string architecture_of(const std::vector<torch::Module>& modules) {
  struct Mark {
    std::string_view block;
    const char* family;
  };
  // Newest first: later families keep using blocks of the earlier ones.
  constexpr std::array<Mark, 4> marks{
      {{"A2C2f", "YOLO12"}, {"C3k2", "YOLO11"}, {"C2f", "YOLOv8"}, {"C3", "YOLOv5"}}};
  for (const Mark& mark : marks)
    if (std::any_of(modules.begin(), modules.end(),
                    [&](const auto& module) { return module.class_name() == mark.block; }))
      return mark.family;
  return "YOLO";
}

}  // namespace peregrine::ultralytics
