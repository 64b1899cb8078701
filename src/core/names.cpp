// Names of the public enumerations.
#include <charconv>

#include "core/task/task_traits.h"
#include "peregrine/model_info.h"
#include "peregrine/precision.h"

namespace peregrine {

const char* to_string(Precision precision) noexcept {
  switch (precision) {
    case Precision::fp32: return "fp32";
    case Precision::fp16: return "fp16";
    case Precision::bf16: return "bf16";
  }
  return "?";
}

std::optional<Precision> parse_precision(std::string_view text) noexcept {
  for (Precision precision : {Precision::fp32, Precision::fp16, Precision::bf16})
    if (text == to_string(precision)) return precision;
  return std::nullopt;
}

std::string to_string(const TaskHint& hint) {
  std::string text = to_string(hint.task);
  if (hint.keypoints > 0)
    text += ":" + std::to_string(hint.keypoints) + "x" + std::to_string(hint.keypoint_dims);
  return text;
}

std::optional<TaskHint> parse_task_hint(std::string_view text) noexcept {
  const std::size_t colon = text.find(':');
  const std::optional<Task> task = parse_task(text.substr(0, colon));
  if (!task) return std::nullopt;
  TaskHint hint{.task = *task};
  if (colon == std::string_view::npos) return hint;
  const std::string_view shape = text.substr(colon + 1);
  const char* const last = shape.data() + shape.size();
  const auto [cross, failure] = std::from_chars(shape.data(), last, hint.keypoints);
  if (failure != std::errc{} || cross == last || *cross != 'x') return std::nullopt;
  const auto [end, other] = std::from_chars(cross + 1, last, hint.keypoint_dims);
  const bool sane = hint.keypoints >= 1 && (hint.keypoint_dims == 2 || hint.keypoint_dims == 3);
  if (other != std::errc{} || end != last || !traits_of(*task).keypoints || !sane) return std::nullopt;
  return hint;
}

}  // namespace peregrine
