#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "peregrine/error.h"
#include "peregrine/settings.h"

namespace peregrine {

namespace {

template <class T>
bool number(const std::string& text, T low, T high, T& out) {
  T value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size() || !(value >= low && value <= high))
    return false;
  out = value;
  return true;
}

template <bool Settings::*Member>
bool parse_bool(Settings& settings, const std::string& text) {
  const bool yes = text == "true" || text == "1" || text == "on" || text == "yes";
  const bool no = text == "false" || text == "0" || text == "off" || text == "no";
  if (yes || no) settings.*Member = yes;
  return yes || no;
}

template <bool Settings::*Member>
std::string format_bool(const Settings& settings) {
  return settings.*Member ? "true" : "false";
}

template <float Settings::*Member>
bool parse_share(Settings& settings, const std::string& text) {
  return number(text, 0.0f, 1.0f, settings.*Member);
}

template <auto Settings::*Member>
std::string format_number(const Settings& settings) {
  return fmt::format("{}", settings.*Member);
}

template <float ParityLimits::*Member, int High>
bool parse_limit(Settings& settings, const std::string& text) {
  return number(text, 0.0f, static_cast<float>(High), settings.limits.*Member);
}

template <float ParityLimits::*Member>
std::string format_limit(const Settings& settings) {
  return fmt::format("{}", settings.limits.*Member);
}

template <int Settings::*Member, int Low, int High>
bool parse_int(Settings& settings, const std::string& text) {
  return number(text, Low, High, settings.*Member);
}

template <std::filesystem::path Settings::*Member>
bool parse_path(Settings& settings, const std::string& text) {
  settings.*Member = text;
  return !text.empty();
}

template <std::filesystem::path Settings::*Member>
std::string format_path(const Settings& settings) {
  return (settings.*Member).string();
}

bool parse_device(Settings& settings, const std::string& text) {
  return text.starts_with("cuda:") && number(text.substr(5), 0, 1023, settings.device);
}

/// One side of an input size; spaces around it do not count.
std::optional<int> parse_side(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  int side = 0;
  if (!number(std::string(text), 32, 8192, side)) return std::nullopt;
  return side;
}

/// "640", "192,320", and the latter in brackets, as Python prints a list.
bool parse_input_size(Settings& settings, const std::string& text) {
  std::string_view sides = text;
  if (sides.starts_with('[') && sides.ends_with(']')) sides = sides.substr(1, sides.size() - 2);
  const std::size_t comma = sides.find(',');
  const auto height = parse_side(sides.substr(0, comma));
  const auto width = comma == std::string_view::npos ? height : parse_side(sides.substr(comma + 1));
  if (!height || !width) return false;
  settings.imgsz = InputSize(*height, *width);
  return true;
}

bool parse_precision_setting(Settings& settings, const std::string& text) {
  settings.precision = parse_precision(text);
  return settings.precision.has_value();
}

/// "pose", or one for each model: "detect,pose:17x3".
bool parse_tasks(Settings& settings, const std::string& text) {
  settings.tasks.clear();
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::optional<TaskHint> hint = parse_task_hint(text.substr(begin, end - begin));
    if (!hint) return false;
    settings.tasks.push_back(*hint);
    begin = end + 1;
  }
  return true;
}

std::string format_tasks(const Settings& settings) {
  std::string text;
  for (const TaskHint& hint : settings.tasks) text += (text.empty() ? "" : ",") + to_string(hint);
  return text;
}

constexpr SettingEntry table[] = {
    {"ENABLE_TENSORRT", "prefer TensorRT; the cuda engine serves where it is missing", "true or false",
     parse_bool<&Settings::enable_tensorrt>, format_bool<&Settings::enable_tensorrt>},
    {"TENSORRT_FP16", "FP16 engines; off gives FP32", "true or false", parse_bool<&Settings::tensorrt_fp16>,
     format_bool<&Settings::tensorrt_fp16>},
    {"FORCE_GPU_ONLY", "anything off the GPU, or not FP16 where due, is an error at once", "true or false",
     parse_bool<&Settings::force_gpu_only>, format_bool<&Settings::force_gpu_only>},
    {"DEVICE", "the GPU to run on", "cuda:N, e.g. cuda:0", parse_device,
     [](const Settings& s) { return fmt::format("cuda:{}", s.device); }},
    {"MODEL_CONFIDENCE_THRESHOLD", "keep objects with a confidence strictly above", "a number from 0 to 1",
     parse_share<&Settings::model_confidence_threshold>,
     format_number<&Settings::model_confidence_threshold>},
    {"IOU", "NMS suppresses boxes that overlap by more", "a number from 0 to 1", parse_share<&Settings::iou>,
     format_number<&Settings::iou>},
    {"MAX_DET", "objects kept an image", "a whole number from 1 to 30000",
     parse_int<&Settings::max_det, 1, 30000>, format_number<&Settings::max_det>},
    {"IMGSZ", "input size in pixels, one number or HEIGHT,WIDTH; unset: the checkpoint's training size",
     "a whole number from 32 to 8192, or two as HEIGHT,WIDTH", parse_input_size,
     [](const Settings& s) { return s.imgsz ? to_string(*s.imgsz) : std::string(); }},
    {"BATCH", "images that run through an engine together", "a whole number from 1 to 256",
     parse_int<&Settings::batch, 1, 256>, format_number<&Settings::batch>},
    {"PRECISION", "fp16, fp32 or bf16; unset: TENSORRT_FP16 decides", "fp16, fp32 or bf16",
     parse_precision_setting,
     [](const Settings& s) { return s.precision ? std::string(to_string(*s.precision)) : std::string(); }},
    {"TASK", "what a model is whose file does not say it; several: one for each model, in order",
     "detect, pose, pose:KxD (keypoints x numbers of each), segment or reid", parse_tasks, format_tasks},
    {"STORE", "folder of engines, deployments and backups", "a path", parse_path<&Settings::store>,
     format_path<&Settings::store>},
    {"TENSORRT_LIBRARY", "TensorRT's library, or the folder that holds it; otherwise it is searched for",
     "a path", parse_path<&Settings::tensorrt>, format_path<&Settings::tensorrt>},
    {"NVTX", "NVTX ranges around each stage and step, for NVIDIA's profilers", "true or false",
     parse_bool<&Settings::nvtx>, format_bool<&Settings::nvtx>},
    {"models.detect", "checkpoint that migrate moves", "a path", parse_path<&Settings::detect_model>,
     format_path<&Settings::detect_model>},
    {"models.pose", "checkpoint that migrate moves", "a path", parse_path<&Settings::pose_model>,
     format_path<&Settings::pose_model>},
    {"models.segment", "checkpoint that migrate moves", "a path", parse_path<&Settings::segment_model>,
     format_path<&Settings::segment_model>},
    {"models.reid", "checkpoint that migrate moves", "a path", parse_path<&Settings::reid_model>,
     format_path<&Settings::reid_model>},
    {"limits.min_confidence", "objects of the FP32 reference above this confidence are looked for",
     "a number from 0 to 1", parse_limit<&ParityLimits::min_confidence, 1>,
     format_limit<&ParityLimits::min_confidence>},
    {"limits.box_px", "an engine's box may be off by so many pixels", "a number from 0 to 10000",
     parse_limit<&ParityLimits::box_px, 10000>, format_limit<&ParityLimits::box_px>},
    {"limits.confidence", "an engine's confidence may be off by so much", "a number from 0 to 1",
     parse_limit<&ParityLimits::confidence, 1>, format_limit<&ParityLimits::confidence>},
    {"limits.mask_iou", "an engine's mask must overlap by at least this IoU", "a number from 0 to 1",
     parse_limit<&ParityLimits::mask_iou, 1>, format_limit<&ParityLimits::mask_iou>},
    {"limits.keypoint_px", "an engine's keypoint may be off by so many pixels", "a number from 0 to 10000",
     parse_limit<&ParityLimits::keypoint_px, 10000>, format_limit<&ParityLimits::keypoint_px>},
    {"limits.embedding_cosine", "an engine's embedding must be alike by at least this cosine",
     "a number from 0 to 1", parse_limit<&ParityLimits::embedding_cosine, 1>,
     format_limit<&ParityLimits::embedding_cosine>},
    {"limits.share_before_nms", "share of objects that must be there before NMS (one miss is always allowed)",
     "a number from 0 to 1", parse_limit<&ParityLimits::share_before_nms, 1>,
     format_limit<&ParityLimits::share_before_nms>},
    {"limits.share_after_nms", "share of objects that must be found again (one miss is always allowed)",
     "a number from 0 to 1", parse_limit<&ParityLimits::share_after_nms, 1>,
     format_limit<&ParityLimits::share_after_nms>},
    {"limits.head_cosine", "each raw head tensor's cosine must be at least this, where objects are under 20",
     "a number from 0 to 1", parse_limit<&ParityLimits::head_cosine, 1>,
     format_limit<&ParityLimits::head_cosine>},
    {"limits.cpu_px", "for bf16 and fp16 on the CPU, instead of box_px and keypoint_px",
     "a number from 0 to 10000", parse_limit<&ParityLimits::cpu_px, 10000>,
     format_limit<&ParityLimits::cpu_px>},
    {"limits.cpu_confidence", "for bf16 and fp16 on the CPU, instead of confidence", "a number from 0 to 1",
     parse_limit<&ParityLimits::cpu_confidence, 1>, format_limit<&ParityLimits::cpu_confidence>},
    {"limits.cpu_share", "for bf16 and fp16 on the CPU, instead of both shares", "a number from 0 to 1",
     parse_limit<&ParityLimits::cpu_share, 1>, format_limit<&ParityLimits::cpu_share>},
    {"limits.average_precision", "so much of COCO's average precision may be lost (migrate --data)",
     "a number from 0 to 1", parse_limit<&ParityLimits::average_precision, 1>,
     format_limit<&ParityLimits::average_precision>},
};

}  // namespace

std::span<const SettingEntry> setting_table() { return table; }

std::optional<TaskHint> task_hint(const Settings& settings, std::size_t model, std::size_t models) {
  const std::size_t told = settings.tasks.size();
  if (told == 0) return std::nullopt;
  if (told == 1) return settings.tasks.front();
  if (told == models) return settings.tasks.at(model);
  throw Error("usage.task", fmt::format("--task names {} tasks for {} models.", told, models),
              "Name one for all of them, or one for each, in their order.");
}

std::string to_string(const InputSize& size) {
  return size.height == size.width ? fmt::format("{}", size.height)
                                   : fmt::format("{},{}", size.height, size.width);
}

}  // namespace peregrine
