#include "core/task/task_traits.h"

#include <algorithm>
#include <array>

#include "core/head_names.h"
#include "peregrine/error.h"

namespace peregrine {

namespace {

constexpr GuardedPart pose_parts[] = {
    {"kpt.", guarded::pose_keypoints}, {"cls.", guarded::pose_confidence}, {"box.", guarded::pose_boxes}};
constexpr GuardedPart segment_parts[] = {{"coef.", guarded::segmentation_masks},
                                         {head::proto_output, guarded::segmentation_masks}};

constexpr TaskTraits built_in[] = {
    {.task = Task::detect,
     .name = "detect",
     .head_class = "Detect",
     .guarded_output = guarded::detection_output,
     .setting = &Settings::detect_model},
    {.task = Task::pose,
     .name = "pose",
     .keypoints = true,
     .extra_output = head::keypoint_output,
     .extra_channels = [](const ModelInfo& model) { return model.keypoints * model.keypoint_dims; },
     .head_class = "Pose",
     .guarded_parts = pose_parts,
     .guarded_output = guarded::pose_output,
     .annotations =
         "person_keypoints_val2017.json",  // poses are annotated in a file that knows persons alone
     .setting = &Settings::pose_model},
    {.task = Task::segment,
     .name = "segment",
     .masks = true,
     .extra_output = head::coefficient_output,
     .extra_channels = [](const ModelInfo& model) { return model.mask_channels; },
     .head_class = "Segment",
     .guarded_parts = segment_parts,
     .guarded_output = guarded::detection_output,
     .setting = &Settings::segment_model},
    {.task = Task::reid,
     .name = "reid",
     .embeds = true,
     .guarded_output = guarded::reid_features,
     .image_height = 256,
     .image_width = 128,
     .setting = &Settings::reid_model},
};

constexpr TaskTraits no_task{.name = "?"};

struct TaskTable {
  std::array<TaskTraits, most_tasks> rows{};
  std::size_t count = std::size(built_in);

  constexpr TaskTable() { std::ranges::copy(built_in, rows.begin()); }
};

constinit TaskTable table;

}  // namespace

std::span<const TaskTraits> all_tasks() noexcept { return {table.rows.data(), table.count}; }

const TaskTraits& traits_of(Task task) noexcept {
  const auto index = static_cast<std::size_t>(task);
  return index < table.count ? table.rows[index] : no_task;
}

Task register_task(TaskTraits traits) {
  if (parse_task(traits.name) || table.count == most_tasks)
    throw Error("internal.task",
                std::string("The task '") + traits.name + "' is there already, or one too many.");
  traits.task = static_cast<Task>(table.count);
  table.rows[table.count++] = traits;
  return traits.task;
}

int extra_channels(const ModelInfo& model) {
  const TaskTraits& traits = traits_of(model);
  return traits.extra_channels ? traits.extra_channels(model) : 0;
}

std::string task_names(bool (*belongs)(const TaskTraits&)) {
  std::string text, last;
  for (const TaskTraits& traits : all_tasks()) {
    if (!belongs(traits)) continue;
    if (!last.empty()) text += (text.empty() ? "" : ", ") + last;
    last = traits.name;
  }
  return text.empty() ? last : text + " and " + last;
}

const char* to_string(Task task) noexcept { return traits_of(task).name; }

std::optional<Task> parse_task(std::string_view text) noexcept {
  for (const TaskTraits& traits : all_tasks())
    if (text == traits.name) return traits.task;
  return std::nullopt;
}

}  // namespace peregrine
