#include "predictor/result_json.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "peregrine/version.h"
#include "predictor/object_parts.h"

namespace peregrine::predictor {

namespace {

using Json = nlohmann::ordered_json;

constexpr int time_digits = 3;

Json object_json(const Object& object, const std::vector<ModelInfo>& models) {
  const ModelInfo& model = models.at(static_cast<std::size_t>(object.model));
  Json json{{"task", to_string(object.task)},
            {"model", model.name},
            {"model_index", object.model},
            {"class", object.class_id}};
  if (object.class_id < static_cast<int>(model.class_names.size()))
    json["name"] = model.class_names[static_cast<std::size_t>(object.class_id)];
  json["confidence"] = rounded(object.confidence, confidence_digits);
  for (float edge : object.box) json["box"].push_back(rounded(edge, pixel_digits));
  for (const ObjectPart& part : object_parts())
    if (Json value = part.value(object); !value.is_null()) json[part.key] = std::move(value);
  return json;
}

/// In the order of the indices that objects refer to.
Json models_json(const std::vector<ModelInfo>& models) {
  Json json = Json::array();
  for (const ModelInfo& model : models)
    json.push_back({{"index", json.size()},
                    {"path", model.path},
                    {"sha256", model.sha256},
                    {"task", to_string(model.task)},
                    {"name", model.name}});
  return json;
}

Json transfers_json(const std::vector<NamedBytes>& transfers) {
  Json json = Json::array();
  for (const NamedBytes& transfer : transfers)
    json.push_back({{"name", transfer.name}, {"bytes", transfer.bytes}});
  return json;
}

Json image_json(const ImageResult& image, const std::vector<ModelInfo>& models) {
  Json json{{"path", image.path}};
  if (image.frame >= 0) {
    json["frame"] = image.frame;
    json["seconds"] = rounded(image.seconds, time_digits);
  }
  if (image.host_decoded) json["decode"] = "host-decoded";
  json["width"] = image.width;
  json["height"] = image.height;
  json["objects"] = Json::array();
  for (const Object& object : image.objects) json["objects"].push_back(object_json(object, models));
  json["time_ms"] = {{"decode", rounded(image.time_ms.decode, time_digits)},
                     {"preprocess", rounded(image.time_ms.preprocess, time_digits)},
                     {"inference", rounded(image.time_ms.inference, time_digits)},
                     {"postprocess", rounded(image.time_ms.postprocess, time_digits)}};
  if (!image.host_to_device.empty() || !image.device_to_host.empty())
    json["transfers"] = {{"host_to_device", transfers_json(image.host_to_device)},
                         {"device_to_host", transfers_json(image.device_to_host)}};
  return json;
}

Json error_json(const Failure& failure) {
  Json json;
  if (!failure.path.empty()) json["path"] = failure.path;
  if (failure.frame >= 0) json["frame"] = failure.frame;
  json.update({{"code", failure.error.code()},
               {"message", failure.error.sentence()},
               {"hint", failure.error.hint()}});
  return json;
}

Json video_json(const VideoSummary& video) {
  Json json{{"path", video.path}};
  if (video.status.frames_per_second > 0)
    json["frames_per_second"] = rounded(video.status.frames_per_second, time_digits);
  if (video.status.frames > 0) json["frames"] = video.status.frames;
  json["skipped"] = video.status.skipped;
  json["corrupt"] = video.status.corrupt;
  return json;
}

/// Names of files may be no UTF-8.
std::string text_of(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string to_json(const std::optional<RunInfo>& info, const std::vector<ModelInfo>& models,
                    const std::vector<ImageResult>& images, const std::vector<Failure>& failures,
                    const std::vector<VideoSummary>& videos, const std::vector<LeftOut>& left_out) {
  Json json{{"peregrine", version}};
  if (info) {
    json.update(
        {{"engine", info->engine}, {"device", info->device}, {"precision", to_string(info->precision)}});
    json["models"] = models_json(models);
    json["fallbacks"] = Json::array();
    for (const Fallback& fallback : info->fallbacks)
      json["fallbacks"].push_back({{"step", fallback.step}, {"why", fallback.why}});
  }
  for (const VideoSummary& video : videos) json["videos"].push_back(video_json(video));
  for (const LeftOut& each : left_out)
    json["left_out"].push_back({{"source", each.source}, {"kinds", each.kinds}});
  json["images"] = Json::array();
  for (const ImageResult& image : images) json["images"].push_back(image_json(image, models));
  json["errors"] = Json::array();
  for (const Failure& failure : failures) json["errors"].push_back(error_json(failure));
  return text_of(json, 2);
}

std::string to_json_line(const ImageResult& image, const std::vector<ModelInfo>& models, bool with_models) {
  Json json = image_json(image, models);
  if (with_models) json["models"] = models_json(models);
  return text_of(json, -1);
}
std::string to_json_line(const Failure& failure) { return text_of(error_json(failure), -1); }
std::string to_json_line(const LeftOut& left_out) {
  return text_of({{"path", left_out.source}, {"left_out", left_out.kinds}}, -1);
}

}  // namespace peregrine::predictor
