// ModelInfo describes a model independently of the engine that runs it. It is plain data. Sizes are pixels of
// the model's input. An example:
//
//   for (const peregrine::ModelInfo& model : pipeline.models())
//     std::printf("%s: %s, %zu classes\n", model.name.c_str(), to_string(model.task),
//     model.class_names.size());
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peregrine {

enum class Task : std::uint8_t { detect, pose, segment, reid };
/// "detect", "pose", "segment", "reid", or the name of a task that a program adds.
const char* to_string(Task task) noexcept;
/// Parses what to_string() returns; nullopt for any other text.
std::optional<Task> parse_task(std::string_view text) noexcept;

/// What a user says of a model whose file does not say it: "detect", "pose", "pose:17x3", "segment", "reid".
struct TaskHint {
  Task task = Task::detect;
  int keypoints = 0;      ///< pose: how many; 0: not said
  int keypoint_dims = 0;  ///< pose: 3 with visibility, 2 without; 0: not said
};
std::string to_string(const TaskHint& hint);
/// The inverse; nothing for any other text.
std::optional<TaskHint> parse_task_hint(std::string_view text) noexcept;

enum class HeadLayout : std::uint8_t {
  raw,      ///< one tensor a level and branch, names in graph/head.h; decoding is ours, in FP32
  decoded,  ///< one tensor [N, 4 + classes + extra, anchors], boxes xywh in input pixels, scores after the
            ///< sigmoid
};

struct ModelInfo {
  Task task = Task::detect;
  std::string name;          ///< file name, without folder
  std::string path;          ///< file or engine's folder as it was given, valid UTF-8; empty: in memory
  std::string sha256;        ///< of the model file, lower-case hexadecimal
  std::string architecture;  ///< "YOLO11", "YOLOv8", "OSNet x0_25", "ONNX"
  HeadLayout head = HeadLayout::raw;
  std::vector<std::string> class_names;  ///< by class index; empty for reid
  int image_height = 640;                ///< training size of the input, pixels
  int image_width = 640;
  std::vector<int> strides;   ///< of the head's levels, rising: {8, 16, 32}; empty for reid
  int dfl_bins = 16;          ///< bins of the box distribution a side (raw head)
  int keypoints = 0;          ///< pose: how many
  int keypoint_dims = 0;      ///< pose: 3 with visibility, 2 without
  int mask_channels = 0;      ///< segment: prototypes
  int embedding = 0;          ///< reid: length of the feature vector
  bool dynamic_shape = true;  ///< false: an ONNX file that fixes its input; batch and size can't be chosen
  int fixed_batch = 0;        ///< batch that a file with static shapes insists on; 0: any
  std::string told_task{};    ///< the user's word that settled the task (a TaskHint); empty: the file said it
};

/// What a user would say of the model.
inline TaskHint hint_of(const ModelInfo& info) { return {info.task, info.keypoints, info.keypoint_dims}; }

}  // namespace peregrine
