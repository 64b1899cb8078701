#include "engine/cuda/plan/plan_file.h"

#include <fmt/format.h>

#include <cstring>
#include <new>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/checksum_envelope.h"
#include "engine/cuda/plan/plan_check.h"
#include "engine/cuda/plan/plan_fields.h"
#include "peregrine/error.h"

namespace peregrine::cuda {

// The records around the steps; the steps themselves are in plan_fields.h.

void visit_fields(Either<Buffer> auto& s, auto&& v) {
  v.attribute("place", s.place), v.attribute("bytes", s.bytes), v.attribute("offset", s.offset);
  v.attribute("binding", s.binding), v.attribute("name", s.name);
}
void visit_fields(Either<PlanBinding> auto& s, auto&& v) {
  v.attribute("name", s.name), v.attribute("is_input", s.is_input), v.attribute("tensor", s.tensor);
}
void visit_fields(Either<TracedValue> auto& s, auto&& v) {
  v.attribute("name", s.name), v.attribute("tensor", s.tensor), v.attribute("step", s.step);
}
void visit_fields(Either<Tactic> auto& s, auto&& v) {
  v.attribute("provider", s.provider), v.attribute("parameters", s.parameters),
      v.attribute("payload", s.payload);
  v.attribute("workspace_bytes", s.workspace_bytes), v.attribute("microseconds", s.microseconds);
  v.attribute("honors_pdl_wait", s.honors_pdl_wait);
}
void visit_fields(Either<Step> auto& s, auto&& v) {
  v.attribute("name", s.name), v.attribute("nodes", s.nodes), v.attribute("operation", s.operation);
  v.attribute("stream", s.stream_index), v.attribute("dependencies", s.dependencies),
      v.attribute("tactic", s.tactic);
}
void visit_fields(Either<PlanIdentity> auto& s, auto&& v) {
  v.attribute("graph_digest", s.graph_digest), v.attribute("device_name", s.device_name);
  v.attribute("compute_capability", s.compute_capability), v.attribute("cudnn_version", s.cudnn_version);
  v.attribute("driver_version", s.driver_version);
}
void visit_fields(Either<ExecutionPlan> auto& s, auto&& v) {  // all but the weights
  v.attribute("identity", s.identity), v.attribute("precision", s.precision),
      v.attribute("arena_bytes", s.arena_bytes);
  v.attribute("streams", s.streams), v.attribute("buffers", s.buffers), v.attribute("bindings", s.bindings);
  v.attribute("steps", s.steps), v.attribute("values", s.values);
}

namespace {

using Json = nlohmann::json;

constexpr std::string_view kind = "cuda 3";  ///< the number is that of this format
constexpr std::size_t weights_alignment = 256;

struct Saver {
  Json object = Json::object();
  void attribute(const char* name, const auto& value) { object[name] = save(value); }
  void read(const char* name, const auto& tensors) { attribute(name, tensors); }
  void write(const char* name, const auto& tensors) { attribute(name, tensors); }

  template <class T>
  static Json save(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      return static_cast<std::int64_t>(value);
    } else if constexpr (std::is_class_v<T> && !requires { value.begin(); }) {
      Saver saver;
      visit_fields(value, saver);
      return std::move(saver.object);
    } else {
      return value;
    }
  }
  template <class T>
  static Json save(const std::vector<T>& list) {
    Json array = Json::array();
    for (const T& one : list) array.push_back(save(one));
    return array;
  }
  static Json save(const Shape& shape) { return std::vector<std::int64_t>(shape.begin(), shape.end()); }
  static Json save(const TensorRef& tensor) {
    if (!tensor) return nullptr;
    return {save(tensor.buffer), save(tensor.dtype), tensor.offset, save(tensor.shape), save(tensor.strides)};
  }
  static Json save(const Operation& operation) {
    Json object = std::visit([](const auto& step) { return save(step); }, operation);
    object["step"] = name_of(operation);
    return object;
  }
};

struct PlanReader {
  const Json& object;
  void attribute(const char* name, auto& value) { load(object.at(name), value); }
  void read(const char* name, auto& tensors) { attribute(name, tensors); }
  void write(const char* name, auto& tensors) { attribute(name, tensors); }

  template <class T>
  static void load(const Json& json, T& value) {
    if constexpr (std::is_enum_v<T>)
      value = static_cast<T>(json.get<std::underlying_type_t<T>>());
    else if constexpr (std::is_class_v<T> && !requires { value.begin(); })
      visit_fields(value, PlanReader{json});
    else
      json.get_to(value);
  }
  template <class T>
  static void load(const Json& json, std::vector<T>& list) {
    list.clear();
    for (const Json& one : json) load(one, list.emplace_back());
  }
  static void load(const Json& json, Shape& shape) {
    const auto extents = json.get<std::vector<std::int64_t>>();
    shape = Shape(std::span(extents));
  }
  static void load(const Json& json, TensorRef& tensor) {
    if (json.is_null()) return;
    load(json.at(0), tensor.buffer), load(json.at(1), tensor.dtype), load(json.at(2), tensor.offset);
    load(json.at(3), tensor.shape), load(json.at(4), tensor.strides);
  }
  static void load(const Json& json, Operation& operation) {
    load_alternative(json, json.at("step").get<std::string>(), operation,
                     std::make_index_sequence<std::variant_size_v<Operation>>());
  }
  template <std::size_t... I>
  static void load_alternative(const Json& json, const std::string& name, Operation& operation,
                               std::index_sequence<I...>) {
    const auto matches = [&]<std::size_t i>() {
      Operation candidate{std::in_place_index<i>};
      if (name != name_of(candidate)) return false;
      load(json, std::get<i>(candidate));
      operation = std::move(candidate);
      return true;
    };
    if (!(matches.template operator()<I>() || ...)) throw Error("engine.plan", "no step is called " + name);
  }
};

std::size_t aligned(std::size_t size) {
  return (size + weights_alignment - 1) / weights_alignment * weights_alignment;
}

}  // namespace

// The payload is the document's size as 8 bytes, the document, zeros up to a multiple of 256, the weights.
std::vector<std::byte> to_bytes(const ExecutionPlan& plan) {
  const std::vector<std::uint8_t> document = Json::to_cbor(Saver::save(plan));
  const std::uint64_t size = document.size();
  std::vector<std::byte> payload(aligned(sizeof size + size) + plan.weights.size());
  std::memcpy(payload.data(), &size, sizeof size);
  std::memcpy(payload.data() + sizeof size, document.data(), document.size());
  if (!plan.weights.empty())
    std::memcpy(payload.data() + aligned(sizeof size + size), plan.weights.data(), plan.weights.size());
  return to_envelope(kind, payload);
}

ExecutionPlan plan_from_bytes(std::span<const std::byte> bytes) {
  const auto payload = from_envelope(kind, bytes);
  // The seal held, so whatever is wrong from here on was written that way.
  const auto refuse = [](std::string_view why) -> Error {
    return {"engine.plan", fmt::format("The engine's plan cannot be run: {}.", why),
            "Build the engine again: `peregrine build MODEL --rebuild`."};
  };
  ExecutionPlan plan;
  std::uint64_t size = 0;
  if (payload.size() < sizeof size) throw refuse("it is too short");
  std::memcpy(&size, payload.data(), sizeof size);
  if (size > payload.size() - sizeof size || aligned(sizeof size + size) > payload.size())
    throw refuse("it is too short");
  try {
    const auto* document = reinterpret_cast<const std::uint8_t*>(payload.data() + sizeof size);
    PlanReader::load(Json::from_cbor(document, document + size), plan);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw refuse(error.what());
  }
  const auto weights = payload.subspan(aligned(sizeof size + size));
  plan.weights.assign(weights.begin(), weights.end());
  if (const std::vector<std::string> found = defects(plan); !found.empty()) throw refuse(found.front());
  return plan;
}

PlanCompatibility compatibility_of(const PlanIdentity& made_for, const PlanIdentity& here) {
  std::string model, driver;
  const auto compare = [](std::string& why, const char* what, const std::string& there,
                          const std::string& now) {
    if (there != now)
      why += fmt::format("{}made for {} '{}', here is '{}'", why.empty() ? "" : "; ", what, there, now);
  };
  compare(model, "the model", made_for.graph_digest, here.graph_digest);
  compare(model, "the GPU", made_for.device_name, here.device_name);
  compare(model, "compute capability", made_for.compute_capability, here.compute_capability);
  compare(model, "cuDNN", made_for.cudnn_version, here.cudnn_version);
  compare(driver, "the driver", made_for.driver_version, here.driver_version);
  if (!model.empty()) return {Fit::rebuild, model};
  return {driver.empty() ? Fit::same : Fit::verify, driver};
}

}  // namespace peregrine::cuda
