#include "formats/onnx/metadata.h"

#include <fmt/format.h>

#include "core/task/task_traits.h"
#include "formats/advice.h"
#include "formats/class_names.h"
#include "formats/input_check.h"
#include "formats/onnx/python_literal.h"
#include "peregrine/error.h"

namespace peregrine::onnx {

namespace {

using Metadata = std::map<std::string, std::string>;

const std::string* find(const Metadata& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? nullptr : &found->second;
}

[[noreturn]] void unreadable(const std::string& key, const std::string& text, std::string_view expected) {
  constexpr std::size_t most = 80;  // a line
  throw Error(
      "model.head",
      fmt::format("its metadata have '{}' as {}, which is not {}", text.substr(0, most), key, expected),
      advice::mend_metadata);
}

std::optional<Task> task_of(const Metadata& metadata) {
  const std::string* text = find(metadata, "task");
  if (!text) return std::nullopt;
  if (const std::optional<Task> task = parse_task(*text)) return task;
  throw Error("model.unsupported", fmt::format("models for the task '{}' are not supported", *text),
              fmt::format("Supported are {}.", task_names([](const TaskTraits&) { return true; })));
}

std::optional<std::vector<std::string>> names_of(const Metadata& metadata) {
  const std::string* text = find(metadata, "names");
  if (!text) return std::nullopt;
  const auto by_index = parse_names(*text);
  if (!by_index) unreadable("names", *text, "a list of class names");
  return name_classes(*by_index, static_cast<std::int64_t>(by_index->size()));
}

/// Two numbers within [least, most]; one stands for both where that is allowed.
std::optional<std::pair<int, int>> pair_of(const Metadata& metadata, const std::string& key,
                                           std::int64_t most, bool one_for_both) {
  const std::string* text = find(metadata, key);
  if (!text) return std::nullopt;
  const auto numbers = parse_integers(*text);
  const auto sane = [&](std::int64_t number) { return number >= 1 && number <= most; };
  if (!numbers || numbers->empty() || numbers->size() > 2 || (numbers->size() == 1 && !one_for_both) ||
      !sane(numbers->front()) || !sane(numbers->back()))
    unreadable(key, *text, "two positive numbers");
  return std::pair{static_cast<int>(numbers->front()), static_cast<int>(numbers->back())};
}

bool says_true(const Metadata& metadata, const std::string& key) {
  const std::string* text = find(metadata, key);
  return text && (*text == "True" || *text == "true");
}

void require_three_channels(const Metadata& metadata) {
  const std::string* text = find(metadata, "channels");
  if (!text || *text == "3") return;
  const auto channels = parse_integers(*text);
  if (!channels || channels->size() != 1) unreadable("channels", *text, "a number");
  throw unsupported_channels(channels->front());
}

}  // namespace

Stated stated_by(const Metadata& metadata) {
  require_three_channels(metadata);
  const std::string* arguments = find(metadata, "args");
  return {.task = task_of(metadata),
          .names = names_of(metadata),
          .keypoints = pair_of(metadata, "kpt_shape", 1 << 16, false),
          .size = pair_of(metadata, "imgsz", 1 << 14, true),
          .final_boxes = says_true(metadata, "end2end") ||
                         (arguments && arguments->find("'nms': True") != std::string::npos)};
}

}  // namespace peregrine::onnx
