#include "engine/binding_json.h"

#include <fmt/format.h>

#include <string>

#include "peregrine/error.h"

namespace peregrine {

namespace {

DType parse_dtype(const std::string& name) {
  for (DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f64, DType::u8, DType::i8, DType::boolean,
                      DType::i32, DType::i64})
    if (name == to_string(dtype)) return dtype;
  throw Error("engine.plan", fmt::format("'{}' is no type of a tensor.", name),
              "Build the engine again: `peregrine build MODEL --rebuild`.");
}

std::vector<std::int64_t> extents(const Shape& shape) { return {shape.begin(), shape.end()}; }

}  // namespace

nlohmann::json to_json(const std::vector<Binding>& bindings) {
  nlohmann::json list = nlohmann::json::array();
  for (const Binding& binding : bindings)
    list.push_back(
        {{"name", binding.name},
         {"input", binding.is_input},
         {"dtype", to_string(binding.dtype)},
         {"device", {{"kind", static_cast<int>(binding.device.kind)}, {"index", binding.device.index}}},
         {"shape", extents(binding.shape)},
         {"strides", extents(binding.strides)}});
  return list;
}

std::vector<Binding> bindings_from_json(const nlohmann::json& json) {
  std::vector<Binding> bindings;
  for (const auto& entry : json) {
    const auto shape = [&](const char* key) { return Shape(entry.at(key).get<std::vector<std::int64_t>>()); };
    const nlohmann::json& device = entry.at("device");
    bindings.push_back(
        {.name = entry.at("name"),
         .is_input = entry.at("input"),
         .dtype = parse_dtype(entry.at("dtype")),
         .device = {static_cast<Device::Kind>(device.at("kind").get<int>()), device.at("index")},
         .shape = shape("shape"),
         .strides = shape("strides")});
  }
  return bindings;
}

}  // namespace peregrine
