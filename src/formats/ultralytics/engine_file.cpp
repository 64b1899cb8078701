#include "formats/ultralytics/engine_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/sha256.h"
#include "core/task/task_traits.h"
#include "core/text.h"
#include "formats/advice.h"
#include "formats/class_names.h"
#include "peregrine/error.h"
#include "peregrine/version.h"

namespace peregrine::ultralytics {

namespace {

using nlohmann::json;

constexpr std::size_t length_bytes = 4, longest_text = std::size_t{1} << 20;
constexpr int mask_channels = 32;  // of all of Ultralytics' segment models
constexpr const char* copy_again = "Copy or export it again.";

std::size_t text_length(std::span<const std::byte> file) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < length_bytes; ++i) length |= std::to_integer<std::size_t>(file[i]) << (8 * i);
  return length;
}

std::string_view text_of(std::span<const std::byte> file) {
  return {reinterpret_cast<const char*>(file.data()) + length_bytes, text_length(file)};
}

/// A whole number of a sane size.
int integer(const json& value, const char* key) {
  constexpr std::int64_t most = 1 << 16;
  if (!value.is_number_integer() || value.get<std::int64_t>() < 1 || value.get<std::int64_t>() > most)
    throw Error("model.damaged", fmt::format("its '{}' is {}", key, printable(value.dump())), copy_again);
  return value.get<int>();
}

Task task_of(const json& text) {
  const std::string task = text.value("task", "");
  if (const auto known = parse_task(task); known && !traits_of(*known).embeds) return *known;
  throw Error("model.unsupported",
              fmt::format("engines for the task '{}' are not supported", printable(task)),
              fmt::format("Supported are {}.", task_names([](const TaskTraits& t) { return !t.embeds; })));
}

/// A name as Python's str() writes it.
std::string name_of(const json& name) {
  if (name.is_string()) return name.get<std::string>();
  if (name.is_null()) return "None";
  if (name.is_boolean()) return name.get<bool>() ? "True" : "False";
  if (name.is_number_integer()) return name.dump();
  if (name.is_number()) return python_text(name.get<double>());
  throw Error("model.damaged", "its class names are none", copy_again);
}

/// {"0": "person", ...}, or a list.
std::vector<std::string> names_of(const json& text) {
  std::map<std::int64_t, std::string> names;
  const json given = text.value("names", json::object());
  for (const auto& [key, name] : given.items()) {
    std::int64_t index = 0;
    if (!parse_class_index(key, index)) throw Error("model.damaged", "its class names are none", copy_again);
    names[index] = name_of(name);
  }
  if (names.empty()) throw Error("model.damaged", "it names no classes", copy_again);
  return name_classes(names, static_cast<std::int64_t>(names.size()));
}

std::vector<int> strides_up_to(int largest) {
  std::vector<int> strides;
  for (int stride = std::min(8, largest); stride <= largest; stride *= 2) strides.push_back(stride);
  return strides;
}

void describe(const json& text, ModelInfo& info) {
  info.architecture = engine_architecture;
  info.head = HeadLayout::decoded;
  info.task = task_of(text);
  const json arguments = text.value("args", json::object());
  if (text.value("end2end", false) || arguments.value("nms", false))
    throw Error("model.unsupported", "the engine does its own suppression", advice::raw_head);
  const json size = text.value("imgsz", json(640));
  info.image_height = integer(size.is_array() && !size.empty() ? size.front() : size, "imgsz");
  info.image_width = integer(size.is_array() && !size.empty() ? size.back() : size, "imgsz");
  info.strides = strides_up_to(integer(text.value("stride", json(32)), "stride"));
  info.dynamic_shape = false;
  info.fixed_batch = arguments.value("dynamic", false) ? 0 : integer(text.value("batch", json(1)), "batch");
  info.class_names = names_of(text);
  if (traits_of(info).masks) info.mask_channels = mask_channels;
  if (!traits_of(info).keypoints) return;
  const json keypoints = text.value("kpt_shape", json::array({17, 3}));
  if (!keypoints.is_array() || keypoints.size() != 2)
    throw Error("model.damaged", "its 'kpt_shape' is no pair", copy_again);
  info.keypoints = integer(keypoints[0], "kpt_shape");
  info.keypoint_dims = integer(keypoints[1], "kpt_shape");
  if (info.keypoint_dims != 2 && info.keypoint_dims != 3)
    throw Error("model.damaged", fmt::format("its keypoints have {} numbers each", info.keypoint_dims),
                copy_again);
}

}  // namespace

bool is_engine_file(std::span<const std::byte> file) {
  if (file.size() <= length_bytes) return false;
  const std::size_t length = text_length(file);
  if (length < 2 || length > longest_text || length > file.size() - length_bytes) return false;
  return text_of(file).front() == '{' && text_of(file).back() == '}';
}

std::span<const std::byte> plan_of_engine_file(std::span<const std::byte> file) {
  return file.subspan(length_bytes + text_length(file));
}

Model read_engine_file(std::span<const std::byte> file, ModelInfo info) {
  const json text = json::parse(text_of(file), nullptr, false);
  if (!text.is_object()) throw Error("model.damaged", "its description is no JSON", copy_again);
  try {
    if (plan_of_engine_file(file).empty())
      throw Error("model.damaged", "it has no plan behind its description", copy_again);
    if (text.contains("plan_sha256") && text["plan_sha256"] != sha256_hex(plan_of_engine_file(file)))
      throw Error("model.damaged", "the plan is cut short or damaged: its digest differs", copy_again);
    describe(text, info);
  } catch (const json::exception& error) {
    throw Error("model.damaged",
                fmt::format("its description is not Ultralytics' ({})", printable(error.what())), copy_again);
  }
  const auto no_graph = [name = info.name](const InputShape&) -> graph::Graph {
    throw Error("model.engine",
                fmt::format("{} is an engine of TensorRT, from which no other can be made.", name),
                "Pass --engine tensorrt or tensorrt-rtx, or give the model's checkpoint.");
  };
  return {std::move(info), no_graph};
}

std::string write_engine_file(const EngineFile& description, std::span<const std::byte> plan) {
  const ModelInfo& info = description.model;
  using Ordered = nlohmann::ordered_json;  // names by index
  Ordered names = Ordered::object();
  for (std::size_t i = 0; i < info.class_names.size(); ++i) names[std::to_string(i)] = info.class_names[i];
  Ordered text{
      {"author", "Peregrine"},
      {"description", fmt::format("{} ({}) from {}", info.architecture, to_string(info.task), info.name)},
      {"version", version},
      {"task", to_string(info.task)},
      {"stride", info.strides.empty() ? 32 : info.strides.back()},
      {"batch", description.batch},
      {"imgsz", {info.image_height, info.image_width}},
      {"channels", 3},
      {"end2end", false},
      {"names", names},
      {"args",
       {{"batch", description.batch},
        {"half", description.half},
        {"dynamic", description.dynamic},
        {"nms", false}}},
      {"plan_sha256", sha256_hex(plan)}};
  if (traits_of(info).keypoints) text["kpt_shape"] = {info.keypoints, info.keypoint_dims};
  const std::string words = text.dump(-1, ' ', true, json::error_handler_t::replace);
  std::string file;
  for (std::size_t i = 0; i < length_bytes; ++i) file += static_cast<char>(words.size() >> (8 * i));
  file += words;
  file.append(reinterpret_cast<const char*>(plan.data()), plan.size());
  return file;
}

}  // namespace peregrine::ultralytics
