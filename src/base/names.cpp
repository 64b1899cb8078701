// Names of the public enumerations.
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

const char* to_string(Task task) noexcept {
  switch (task) {
    case Task::detect: return "detect";
    case Task::pose: return "pose";
    case Task::segment: return "segment";
    case Task::reid: return "reid";
  }
  return "?";
}

std::optional<Task> parse_task(std::string_view text) noexcept {
  for (Task task : {Task::detect, Task::pose, Task::segment, Task::reid})
    if (text == to_string(task)) return task;
  return std::nullopt;
}

}  // namespace peregrine
