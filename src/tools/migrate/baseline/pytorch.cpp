#include "tools/migrate/baseline/pytorch.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/task/task_traits.h"
#include "engine_cache/validation/object_parity.h"
#include "stages/preprocess/letterbox.h"
#include "tools/migrate/baseline/images.h"
#include "tools/migrate/baseline/python_script.h"

namespace peregrine::migrate {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* detector_script =
#include "migrate_baseline.inc"
    ;
constexpr const char* osnet_script =
#include "migrate_reid_baseline.inc"
    ;

/// Objects are wanted a little below the limit, so that one that hovers there is not missed.
constexpr float below_limit = 0.05f;

std::string device_name(const Settings& settings, bool on_gpu) {
  return on_gpu ? fmt::format("cuda:{}", settings.device) : std::string("cpu");
}

std::vector<Object> read_objects(const Json& from, Task task, int width, int height) {
  std::vector<Object> objects;
  for (const Json& each : from) {
    Object& object = objects.emplace_back(Object{.task = task, .keypoints = {}, .mask = {}, .embedding = {}});
    object.class_id = each.at("class");
    object.confidence = each.at("confidence");
    object.box = each.at("box");
    if (each.contains("mask")) object.mask = RunLengthMask{height, width, each["mask"]};
    for (const Json& point : each.value("keypoints", Json::array()))
      object.keypoints.push_back(
          {point.at(0), point.at(1), point.size() > 2 ? point.at(2).get<float>() : 1.0f});
  }
  return objects;
}

std::vector<PyTorchImage> read_found(const fs::path& file, const std::vector<fs::path>& images, Task task,
                                     Precision& ran) {
  std::ifstream in(file);
  const Json found = Json::parse(in);
  std::vector<PyTorchImage> read;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Json& one = found[i];
    ran = one.at("ran") == "float16" ? Precision::fp16 : Precision::fp32;
    PyTorchImage& image = read.emplace_back();
    image.name = images.at(i).filename().string();
    if (traits_of(task).embeds) {
      image.objects.push_back(
          {.task = task, .confidence = 1, .keypoints = {}, .mask = {}, .embedding = one.at("embedding")});
      continue;
    }
    const int height = one.at("image").at(0), width = one.at("image").at(1);
    image.objects = read_objects(one.at("objects"), task, width, height);
    if (one.at("unsuppressed").is_array())
      image.unsuppressed = read_objects(one["unsuppressed"], task, width, height);
    if (!one.at("candidates").is_array()) continue;
    image.has_candidates = true;
    std::vector<postprocess::Candidate> candidates;
    for (const Json& row : one["candidates"])
      candidates.push_back({{row.at(0), row.at(1), row.at(2), row.at(3)}, row.at(4), row.at(5), 0});
    image.candidates = engine_cache::in_pixels(
        candidates, preprocess::letterbox(width, height, one.at("input").at(1), one.at("input").at(0)));
  }
  return read;
}

/// Hands `request_json` to the script, with a file for what it finds.
PyTorchRun run(const SpeedRequest& request, const doctor::FoundPython& python, const char* script,
               Json request_json, const std::vector<fs::path>& images) {
  const Scratch folder;
  const fs::path found = folder.path() / "found";
  request_json["found"] = found.native();
  PyTorchRun result;
  result.why = ask_python(request, python, script, request_json, folder.path(), [&](const Json& answer) {
    result.version = answer.at("torch");
    result.ultralytics = answer.value("ultralytics", "");
    const std::string subject =
        fmt::format("PyTorch {} eager {}", result.version, request_json["half"] == true ? "fp16" : "fp32");
    for (const Json& speed : answer.at("speeds"))
      result.speeds.push_back({subject, speed.at("batch"), speed.at("p50"), speed.at("p90"), speed.at("p99"),
                               answer.at("start_ms"), answer.at("memory_mb")});
    if (result.speeds.empty() && !request_json["batches"].empty())
      throw Json::other_error::create(501, "no speeds", nullptr);
    result.images = read_found(found, images, request.model_info.task, result.ran);
  });
  return result;
}

}  // namespace

std::string unfit(const doctor::FoundPython& python, const SpeedRequest& request) {
  if (request.model.extension() == ".onnx") return "the model is an ONNX file, no PyTorch checkpoint";
  if (traits_of(request.model_info).embeds && !python.torch.empty()) return {};
  return python.why;
}

PyTorchRun run_detector(const SpeedRequest& request, const doctor::FoundPython& python, bool on_gpu,
                        bool half, const std::vector<fs::path>& images) {
  const Settings& settings = request.settings;
  Json request_json{{"model", fs::absolute(request.model).native()},
                    {"device", device_name(settings, on_gpu)},
                    {"half", half},
                    {"size",  // null: the training size, as ours
                     settings.imgsz ? Json{settings.imgsz->height, settings.imgsz->width} : Json(nullptr)},
                    {"confidence", settings.model_confidence_threshold},
                    {"iou", settings.iou},
                    {"max_det", settings.max_det},
                    {"batches", request.batches},
                    {"runs", request.runs},
                    {"above", std::max(0.01f, settings.limits.min_confidence - below_limit)},
                    {"unsuppressed", half && traits_of(request.model_info).extra_output},
                    {"files", Json::array()}};
  for (const fs::path& image : images) request_json["files"].push_back(fs::absolute(image).native());
  return run(request, python, detector_script, std::move(request_json), images);
}

PyTorchRun find_objects(const SpeedRequest& request, const doctor::FoundPython& python,
                        const InputShape& shape, float confidence, const std::vector<fs::path>& images) {
  const postprocess::Options ours;
  Json request_json{
      {"model", fs::absolute(request.model).native()},
      {"device", "cpu"},
      {"half", false},
      {"size", shape.height == shape.width ? Json(shape.width) : Json{shape.height, shape.width}},
      {"confidence", confidence},
      {"iou", ours.iou},
      {"max_det", ours.max_detections},
      {"batches", Json::array()},
      {"runs", 0},
      {"above", confidence},
      {"unsuppressed", false},
      {"files", Json::array()}};
  for (const fs::path& image : images) request_json["files"].push_back(fs::absolute(image).native());
  return run(request, python, detector_script, std::move(request_json), images);
}

PyTorchRun run_osnet(const SpeedRequest& request, const doctor::FoundPython& python, bool on_gpu, bool half,
                     const Persons& persons) {
  Json request_json{{"model", fs::absolute(request.model).native()},
                    {"device", device_name(request.settings, on_gpu)},
                    {"half", half},
                    {"height", request.model_info.image_height},
                    {"width", request.model_info.image_width},
                    {"batches", request.batches},
                    {"runs", request.runs},
                    {"persons", Json::array()}};
  for (const Persons::Raw& person : persons.raw())
    request_json["persons"].push_back(
        {{"file", person.file.native()}, {"width", person.width}, {"height", person.height}});
  return run(request, python, osnet_script, std::move(request_json), persons.files());
}

PyTorchAccuracy accuracy_of(const PyTorchRun& fp32, const PyTorchRun& fp16, Task task,
                            const ParityLimits& limits) {
  PyTorchAccuracy accuracy;
  if (fp16.ran != Precision::fp16) {
    accuracy.note = "Not available: asked for FP16, PyTorch ran FP32.";
    return accuracy;
  }
  parity::Parity parity(limits);
  bool all_candidates = true, all_unsuppressed = true;
  for (std::size_t i = 0; i < fp32.images.size() && i < fp16.images.size(); ++i) {
    const PyTorchImage& tested = fp16.images[i];
    all_candidates = all_candidates && (tested.has_candidates || traits_of(task).embeds);
    all_unsuppressed = all_unsuppressed && tested.unsuppressed;
    parity::ParityInput input{tested.name, fp32.images[i].objects, tested.objects, tested.candidates};
    if (tested.unsuppressed) input.unsuppressed = [&] { return *tested.unsuppressed; };
    parity.add(input);
  }
  accuracy.subject = fmt::format("PyTorch {} eager fp16", fp16.version);
  for (const store::ValidationCheck& check : engine_cache::checks_of(parity, task, limits))
    if (all_candidates || check.name != engine_cache::right_before_nms)
      accuracy.checks.push_back({check.name, check.value, check.limit, check.at_least});
  accuracy.mismatches = engine_cache::lines_of(parity);
  accuracy.note = fmt::format("{} beside its own FP32: {} objects on {} images.", accuracy.subject,
                              parity.objects(), fp16.images.size());
  if (traits_of(task).extra_output && !all_unsuppressed)
    accuracy.note +=
        " Of what it finds before NMS the boxes alone were had: keypoints or a mask of another candidate "
        "count as wrong.";
  if (!all_candidates) accuracy.note += " What it finds before NMS could not be had: that share is missing.";
  return accuracy;
}

}  // namespace peregrine::migrate
