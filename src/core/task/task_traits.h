// What a task is, as data: one row a task. Callers ask what a task gives (`embeds`, `keypoints`, `masks`,
// extra channels), never which one it is: a further task is a row here and its hooks in the stages
// (docs/extending/add-task.md).
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "peregrine/model_info.h"
#include "peregrine/settings.h"

namespace peregrine {

// Names under which the GPU-only policy checks outputs; engine bindings are checked under their own names.
namespace guarded {
inline constexpr std::string_view detection_output = "detection output";
inline constexpr std::string_view pose_output = "pose output";
inline constexpr std::string_view pose_keypoints = "pose keypoints";
inline constexpr std::string_view pose_confidence = "pose confidence";
inline constexpr std::string_view pose_boxes = "pose boxes";
inline constexpr std::string_view segmentation_masks = "segmentation masks";
inline constexpr std::string_view reid_features = "ReID features";
}  // namespace guarded

/// Head outputs that are checked under a name of their own: those whose names begin with `prefix`.
struct GuardedPart {
  std::string_view prefix, name;
};

/// Texts and spans are static: rows live as long as the program.
struct TaskTraits {
  Task task{};            ///< of a further task register_task() says which
  const char* name = "";  ///< in settings, flags, files' metadata and results

  /// Describes its whole input by one vector; the input is a crop, stretched and normalised. Otherwise it
  /// finds objects with boxes and classes in a letterboxed image.
  bool embeds = false;
  bool keypoints = false;  ///< in the extra channels: ModelInfo::keypoints times keypoint_dims
  bool masks = false;      ///< coefficients in the extra channels, prototypes in an output of their own

  /// What the head gives beside boxes and classes: one more output a level of a raw head, the rows behind the
  /// classes of a decoded one. Null: nothing.
  std::string (*extra_output)(int level) = nullptr;
  int (*extra_channels)(const ModelInfo& model) = nullptr;
  const char* head_class = "";  ///< Ultralytics' name of the head, for metadata

  std::span<const GuardedPart> guarded_parts{};  ///< checked first: they say more exactly what is wrong
  std::string_view guarded_output{};             ///< all outputs

  int image_height = 640, image_width = 640;  ///< where a file does not say what it was trained at

  const char* annotations = "instances_val2017.json";  ///< COCO's file that validation measures it by
  std::filesystem::path Settings::*setting = nullptr;  ///< [models]: what migrate deploys; null: nothing does
};

/// At most so many tasks; a Task is below it.
inline constexpr std::size_t most_tasks = 32;

/// A row named "?" for a value that is no task.
const TaskTraits& traits_of(Task task) noexcept;
inline const TaskTraits& traits_of(const ModelInfo& model) noexcept { return traits_of(model.task); }
/// Those of enum class Task, then the registered ones.
std::span<const TaskTraits> all_tasks() noexcept;
/// Adds a task and returns its value. For programs and tests, before any model is opened: not thread-safe.
/// Throws Error "internal.task" for a name that is taken and one task too many.
Task register_task(TaskTraits traits);

/// Channels beside boxes and classes; 0 where there are none.
int extra_channels(const ModelInfo& model);
/// "detect, pose, segment and reid": the names for which `belongs` holds, for sentences.
std::string task_names(bool (*belongs)(const TaskTraits&));

}  // namespace peregrine
