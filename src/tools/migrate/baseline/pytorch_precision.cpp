#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "tools/migrate/baseline/images.h"
#include "tools/migrate/baseline/python_script.h"
#include "tools/migrate/baseline/pytorch.h"
#include "tools/validate/validation.h"

namespace peregrine::migrate {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* script =
#include "migrate_validate.inc"
    ;

Object object_of(const Json& row, Task task) {
  Object object{.task = task, .keypoints = {}, .mask = {}, .embedding = {}};
  object.class_id = row.at("class");
  object.confidence = row.at("score");
  const std::array<float, 4> box = row.at("box");
  object.box = {box[0], box[1], box[0] + box[2], box[1] + box[3]};
  if (row.contains("mask"))
    object.mask = from_coco_string(row["mask"].at("size").at(0), row["mask"]["size"].at(1),
                                   row["mask"].at("counts").get<std::string>());
  const std::vector<float> keypoints = row.value("keypoints", std::vector<float>{});
  for (std::size_t i = 0; i + 2 < keypoints.size(); i += 3)
    object.keypoints.push_back({keypoints[i], keypoints[i + 1]});
  return object;
}

/// By the images' names; the script numbers them.
std::map<std::string, std::vector<Object>> read_found(const fs::path& file,
                                                      const std::vector<fs::path>& images, Task task) {
  std::ifstream in(file);
  std::map<std::string, std::vector<Object>> found;
  for (const Json& row : Json::parse(in)) {
    const auto number = static_cast<std::size_t>(std::stoul(row.at("number").get<std::string>()));
    found[images.at(number).filename().string()].push_back(object_of(row, task));
  }
  return found;
}

}  // namespace

PyTorchPrecision validate_pytorch(const SpeedRequest& request, const doctor::FoundPython& python,
                                  const fs::path& data, bool on_gpu, bool half) {
  const Settings& settings = request.settings;
  const Task task = request.model_info.task;
  const auto images = validate::annotated_images(task, data);
  const Scratch folder;
  Json request_json{{"model", fs::absolute(request.model).native()},
                    {"device", on_gpu ? fmt::format("cuda:{}", settings.device) : std::string("cpu")},
                    {"half", half},
                    {"size", settings.imgsz ? Json(std::max(settings.imgsz->height, settings.imgsz->width))
                                            : Json(nullptr)},
                    {"folder", folder.path().native()},
                    {"pictures", Json::object()}};
  for (std::size_t i = 0; i < images.size(); ++i)
    request_json["pictures"][std::to_string(i)] = fs::absolute(images[i]).native();

  PyTorchPrecision result;
  std::string lower;
  result.why = ask_python(request, python, script, request_json, folder.path(), [&](const Json& answer) {
    if (half && answer.at("ran") != "float16") {
      lower = "asked for FP16, PyTorch ran FP32";
      return;
    }
    result.subject =
        fmt::format("PyTorch {} {}", answer.at("torch").get<std::string>(), half ? "fp16" : "fp32");
    const auto scores = validate::score_detections(request.model_info, data,
                                                   read_found(folder.path() / "found", images, task));
    for (const auto& [metric, summary] : scores.coco)
      result.values.emplace_back(to_string(metric), summary.ap);
  });
  if (result.why.empty()) result.why = lower;
  return result;
}

}  // namespace peregrine::migrate
