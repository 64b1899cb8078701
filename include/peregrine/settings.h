// Settings of a pipeline. load_settings() reads the file, then the environment (PEREGRINE_ + NAME), then
// flags; the later one wins. Settings are plain data; the functions may be called from any thread. An
// example:
//
//   peregrine::Settings settings = peregrine::load_settings({.flags = {{"IOU", "0.6"}}}).settings;
//   settings.max_det = 100;
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "peregrine/model_info.h"
#include "peregrine/precision.h"

namespace peregrine {

/// How far an engine may deviate from the FP32 reference, object by object: [limits] in the settings file.
struct ParityLimits {
  float min_confidence = 0.3f;  ///< reference objects at or below it are not looked at
  float box_px = 1.5f;          ///< largest difference of an edge
  float confidence = 0.02f;
  float mask_iou = 0.97f;           ///< at least
  float keypoint_px = 2.0f;         ///< of keypoints that the reference sees (confidence above 0.5)
  float embedding_cosine = 0.999f;  ///< at least
  float share_before_nms = 0.99f;   ///< of reference objects that have such a candidate before NMS
  float share_after_nms = 0.97f;    ///< of reference objects that are found again
  float head_cosine = 0.999f;       ///< at least, of each raw head tensor: judged where objects are too few
  // Where a CPU computes in bf16 or FP16, these stand for box_px and keypoint_px, confidence, and both
  // shares.
  float cpu_px = 5.0f;
  float cpu_confidence = 0.05f;
  float cpu_share = 0.85f;
  float average_precision = 0.005f;  ///< most of COCO's average precision that may be lost
};

/// Size of a detector's input in pixels, before it is rounded up to a multiple of the model's stride.
struct InputSize {
  int height = 0, width = 0;

  /// A square, as one number is everywhere that a size is given.
  constexpr InputSize(int side) : height(side), width(side) {}
  constexpr InputSize(int rows, int columns) : height(rows), width(columns) {}

  bool operator==(const InputSize&) const = default;
};
/// "640" for a square, else "192,320": height, then width, as IMGSZ, --imgsz and Ultralytics' imgsz have it.
std::string to_string(const InputSize& size);

struct Settings {
  bool enable_tensorrt = true;  ///< prefer TensorRT; the cuda engine serves where it is missing
  bool tensorrt_fp16 = true;    ///< FP16 engines; off gives FP32
  bool force_gpu_only = true;   ///< anything off the GPU, or not FP16 where due, is an error at once
  int device = 0;               ///< CUDA ordinal, written "cuda:0"
  float model_confidence_threshold = 0.25f;  ///< strictly greater
  float iou = 0.7f;                          ///< NMS suppresses above it
  int max_det = 300;                         ///< objects kept an image
  std::optional<InputSize> imgsz;            ///< input size; unset: the checkpoint's training size
  int batch = 1;
  std::optional<Precision> precision;  ///< unset: tensorrt_fp16 decides
  /// What models are whose files do not say it: one for all models of a command, or one for each, in their
  /// order.
  std::vector<TaskHint> tasks;
  std::filesystem::path store;     ///< where engines, deployments and backups live
  std::filesystem::path tensorrt;  ///< TensorRT's library or its folder; empty: it is searched for
  bool nvtx = false;               ///< NVTX ranges around stages and steps, for the rest of the process

  ParityLimits limits;  ///< [limits]

  std::filesystem::path detect_model, pose_model, segment_model,
      reid_model;  ///< [models]: what migrate moves
};

/// A row of the settings table, the only place that knows a setting's name, meaning and syntax.
struct SettingEntry {
  std::string_view name;     ///< "IOU", "models.detect"
  std::string_view meaning;  ///< for help and `peregrine config`
  std::string_view expects;  ///< "true or false", "a number from 0 to 1"
  /// False when the text is not what `expects` says.
  bool (*parse)(Settings& settings, const std::string& text);
  std::string (*format)(const Settings& settings);
};

std::span<const SettingEntry> setting_table();

/// What the settings say of one of `models` models, counted from 0. Throws Error "usage.task" where they say
/// it of another number of models.
std::optional<TaskHint> task_hint(const Settings& settings, std::size_t model, std::size_t models);

/// A setting's effective value and its origin: "default", "peregrine.toml", "environment", "flag".
struct EffectiveSetting {
  std::string_view name, meaning;
  std::string value, origin;
};

struct LoadedSettings {
  Settings settings;
  std::vector<EffectiveSetting> effective;  ///< in the order of the table
};

struct SettingSources {
  std::optional<std::filesystem::path> file;  ///< unset: ./peregrine.toml when it exists
  std::map<std::string, std::string> flags;   ///< setting name -> text; from the command line
};

/// Reads file, environment and flags. Throws Error "usage.setting" naming the file or variable, the value
/// and what was expected; an unknown key in the file is an error that offers the nearest name.
LoadedSettings load_settings(const SettingSources& sources);

}  // namespace peregrine
