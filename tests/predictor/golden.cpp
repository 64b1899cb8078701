#include "golden.h"

#include <fstream>
#include <nlohmann/json.hpp>

namespace peregrine::test {

namespace {

using Json = nlohmann::json;

Object object_of(const Json& json) {
  Object object;
  object.class_id = json.at("class");
  object.confidence = json.at("confidence");
  object.box = json.at("box").get<std::array<float, 4>>();
  for (const Json& point : json.value("keypoints", Json::array()))
    object.keypoints.push_back({point[0], point[1], point[2]});
  if (const auto mask = json.find("mask"); mask != json.end())
    object.mask =
        from_coco_string((*mask)["size"][0], (*mask)["size"][1], (*mask)["counts"].get<std::string>());
  return object;
}

}  // namespace

std::map<std::string, std::vector<Object>> read_golden(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::map<std::string, std::vector<Object>> golden;
  const Json document = Json::parse(stream);
  for (const Json& image : document.at("images"))
    for (const Json& object : image.at("objects")) golden[image.at("path")].push_back(object_of(object));
  return golden;
}

std::filesystem::path golden_image(const std::filesystem::path& data, const std::string& name) {
  const auto known = data / "images" / name;
  return std::filesystem::exists(known) ? known : data / "coco" / "val2017" / name;
}

}  // namespace peregrine::test
