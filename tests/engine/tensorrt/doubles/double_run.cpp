// The half of the double that runs: runtime, engine, context, inspector. A run computes at once, in memory
// that both the host and the fake CUDA call theirs.
#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <vector>

#include "core/half.h"
#include "double_layout.h"
#include "double_model.h"
#include "graph/reference.h"

namespace tensorrt_double {

std::atomic<int> runs = 0;
std::atomic<void*> context_memory = nullptr;

namespace {

using namespace peregrine;

constexpr std::int64_t memory_bytes = 4096;

struct EngineState : Implementation {
  std::optional<OnnxModel> model;  ///< none in the plan of a probe
  std::int64_t batches[3] = {0, 0, 0};
  bool half_io = false;               ///< TensorRT 8
  std::set<std::string> fp32_layers;  ///< TensorRT 8

  bool is_half(const ModelTensor& tensor) const { return eight ? half_io : tensor.is_half; }
  std::vector<ModelTensor> tensors() const {
    std::vector<ModelTensor> all = model->inputs();
    all.insert(all.end(), model->outputs().begin(), model->outputs().end());
    return all;
  }
  const ModelTensor& tensor(const char* name) const {
    for (const auto* list : {&model->inputs(), &model->outputs()})
      for (const ModelTensor& known : *list)
        if (known.name == name) return known;
    report_misuse(std::string("there is no tensor ") + name);
    return model->inputs().front();
  }
  bool is_input(const char* name) const {
    return std::ranges::any_of(model->inputs(), [&](const ModelTensor& input) { return input.name == name; });
  }
};
using Engine = Api<EngineState>;

struct ContextState : Implementation {
  EngineState* engine = nullptr;
  std::map<std::string, Shape> shapes;
  std::map<std::string, void*> addresses;
  void* memory = nullptr;
  bool needs_memory = false;

  graph::Graph graph() const { return engine->model->graph(shapes.empty() ? 1 : shapes.begin()->second[0]); }
};

Dims to_dims(const Shape& shape) {
  Dims dims{static_cast<std::int32_t>(shape.rank()), {}};
  std::ranges::transform(shape, dims.extents, [](auto extent) { return static_cast<Extent>(extent); });
  return dims;
}

HostTensor read(bool is_half, const Shape& shape, const void* data) {
  HostTensor values(is_half ? DType::f16 : DType::f32, shape);
  std::memcpy(values.view().data, data, values.bytes());
  return values.to_f32();
}

void write(bool is_half, const HostTensor& values, void* data) {
  for (std::int64_t i = 0; i < values.shape().elements(); ++i) {
    const float value = values.as<float>()[i];
    if (is_half)
      static_cast<Half*>(data)[i] = to_half(value);
    else
      static_cast<float*>(data)[i] = value;
  }
}

bool enqueue(ContextState* self, void* stream) {
  if (fails("enqueue")) return false;
  if (self->needs_memory && !self->memory) report_misuse("a context without memory ran");
  if (!stream) report_misuse("ran on the default stream");
  const OnnxModel& model = *self->engine->model;
  if (self->addresses.size() != model.inputs().size() + model.outputs().size() ||
      self->shapes.size() != model.inputs().size()) {
    log_error("Error Code 3: API Usage Error (addresses or shapes are missing)");
    return false;
  }
  ++runs;
  const graph::Graph graph = self->graph();
  std::vector<HostTensor> inputs;
  std::vector<TensorView> views;
  for (const ModelTensor& input : model.inputs())
    inputs.push_back(
        read(self->engine->is_half(input), self->shapes.at(input.name), self->addresses.at(input.name)));
  for (const HostTensor& input : inputs) views.push_back(input.view());
  const std::vector<HostTensor> outputs = graph::run_reference(graph, views);
  for (std::size_t i = 0; i < outputs.size(); ++i)
    write(self->engine->is_half(model.outputs()[i]), outputs[i], self->addresses.at(model.outputs()[i].name));
  return true;
}

Dims shape_in_context(ContextState* self, const char* name) {
  const graph::Graph graph = self->graph();
  return to_dims(graph.value(graph.find(name)).shape);
}

Table& context_table() {
  static Table table = [] {
    Table all{
        {slot(29, 21, 20),
         +[](ContextState* self, const char* name, const Dims* dims) {
           if (fails("set_input_shape")) return false;
           const std::vector<std::int64_t> extents(dims->extents, dims->extents + dims->count);
           self->shapes[name] = Shape(std::span(extents));
           return true;
         }},
        {slot(30, 22, 21), &shape_in_context},
        {slot(32, 24, 23),
         +[](ContextState* self, const char* name, void* address) {
           self->addresses[name] = address;
           return !fails("set_address");
         }},
        {slot(44, 37, 36), &enqueue},
    };
    if (rtx)
      all.add(
          52, +[](ContextState*, void*) { return !fails("capturable"); });
    if (eight)
      all.add(
          11, +[](ContextState* self, void* memory) { self->memory = context_memory = memory; });
    else if (DOUBLE_VERSION != 100000)
      all.add(
          slot(0, 49, 48), +[](ContextState* self, void* memory, std::int64_t bytes) {
            if (bytes < memory_bytes) report_misuse("too little memory for a context");
            self->memory = context_memory = memory;
          });
    return all;
  }();
  return table;
}

/// With every output's type, as the real one has it.
struct InspectorState : Implementation {
  std::string text;
};

void* create_inspector(EngineState* self) {
  static Table table{
      {slot(5, 6, 6), +[](InspectorState* inspector, std::int32_t) { return inspector->text.c_str(); }}};
  if (fails("create_inspector")) return nullptr;
  auto* inspector = new InspectorState;
  // As 8.5.3 has it: with an open batch no type but that of the weights.
  const bool open = eight && std::ranges::any_of(self->model->inputs(),
                                                 [](const ModelTensor& input) { return input.shape[0] < 0; });
  const auto quoted = [](const std::string& name) { return "{\"Name\": \"" + name + "\""; };
  for (const ModelLayer& layer : eight ? self->model->parsed_layers() : self->model->layers()) {
    const bool is_half = eight ? !self->fp32_layers.contains(layer.name) : layer.outputs.front().is_half;
    const char* type = eight     ? is_half ? "Row major linear FP16 format" : "Row major linear FP32"
                       : is_half ? "Half NCHW"
                                 : "Float";
    inspector->text += inspector->text.empty() ? "{\"Layers\": [" : ", ";
    inspector->text += quoted(layer.name) + R"(, "LayerType": ")" + layer.kind + R"(", "Inputs": [)";
    for (const std::string& input : layer.inputs)
      inspector->text += (&input == layer.inputs.data() ? "" : ", ") + quoted(input) + "}";
    inspector->text += R"(], "Outputs": [)";
    for (const ModelTensor& output : layer.outputs)
      inspector->text += (&output == layer.outputs.data() ? "" : ", ") + quoted(output.name) +
                         R"(, "Format/Datatype": ")" + (open ? "N/A due to dynamic shapes" : type) + "\"}";
    inspector->text += "]";
    if (layer.kind.ends_with("Convolution"))
      inspector->text += std::string(R"(, "Weights": {"Type": ")") + (is_half ? "Half" : "Float") + "\"}";
    inspector->text += "}";
  }
  inspector->text += "]}";
  return Api<InspectorState>::make(table, inspector);
}

void* create_context(EngineState* self, bool needs_memory) {
  if (fails("create_context")) return nullptr;
  context_memory = nullptr;
  auto* context = new ContextState;
  context->engine = self;
  context->needs_memory = needs_memory;
  return Api<ContextState>::make(context_table(), context);
}

Dims profile_shape(EngineState* self, const char* name, std::int32_t, std::int32_t end) {
  Shape shape = self->tensor(name).shape;
  if (shape[0] < 0) shape[0] = self->batches[end];
  return to_dims(shape);
}

const char* io_name(EngineState* self, std::int32_t index) {
  if (fails("io_name")) return "another";
  const OnnxModel& model = *self->model;
  const auto at = static_cast<std::size_t>(index), inputs = model.inputs().size();
  return (at < inputs ? model.inputs()[at] : model.outputs()[at - inputs]).name.c_str();
}

Table& engine_table() {
  static Table table = [] {
    Table all{
        {slot(33, 18, 14), &create_inspector},
        {slot(34, 19, 15),
         +[](EngineState* self, const char* name) { return to_dims(self->tensor(name).shape); }},
        {slot(35, 20, 16),
         +[](EngineState* self, const char* name) {
           return self->is_half(self->tensor(name)) ? half : single;
         }},
        {slot(38, 23, 19), +[](EngineState* self, const char* name) { return self->is_input(name) ? 1 : 2; }},
        {slot(44, 29, 25), &profile_shape},
        {slot(45, 30, 26),
         +[](EngineState* self) { return static_cast<std::int32_t>(self->tensors().size()); }},
        {slot(46, 31, 27), &io_name},
    };
    if (eight) {
      all.add(
          11, +[](EngineState* self) { return create_context(self, false); });
      all.add(
          13, +[](EngineState* self) { return create_context(self, true); });
    } else {
      all.add(
          5, +[](EngineState* self, std::int32_t strategy) { return create_context(self, strategy == 2); });
    }
    if (DOUBLE_VERSION != 100000)
      all.add(
          slot(14, 52, 44), +[](EngineState*) { return memory_bytes; });
    return all;
  }();
  return table;
}

struct RuntimeState : Implementation {};

void read_precisions(std::istringstream& line, EngineState& engine) {
  line >> engine.half_io >> std::ws;
  for (std::string layer; std::getline(line, layer, '|');) engine.fp32_layers.insert(layer);
}

void* deserialize(RuntimeState*, const void* plan, std::size_t size) {
  const std::string text(static_cast<const char*>(plan), size);
  const std::string wanted = "vtrt double " + std::to_string(DOUBLE_VERSION) + ' ';
  const std::size_t end = text.find('\n');
  if (!text.starts_with(wanted) || end == std::string::npos) {
    log_error("Assertion header.magicTag == kEXPECTED_MAGIC_TAG failed");
    return nullptr;
  }
  if (fails("deserialize")) return nullptr;
  auto* engine = new EngineState;
  std::istringstream line(text.substr(wanted.size(), end - wanted.size()));
  line >> engine->batches[0] >> engine->batches[1] >> engine->batches[2];
  if (eight) read_precisions(line, *engine);
  if (end + 1 < text.size()) engine->model.emplace(text.substr(end + 1));
  if (eight && plugins_registered == 0 && engine->model &&
      !engine->model->node_of("InstanceNormalization").empty()) {
    log_error("Cannot deserialize plugin since corresponding IPluginCreator not found in Plugin Registry");
    delete engine;
    return nullptr;
  }
  return Engine::make(engine_table(), engine);
}

}  // namespace

void* make_runtime() {
  static Table table;
  if (eight)
    table.add(
        2, +[](RuntimeState* self, const void* plan, std::size_t size, void* plugin_factory) {
          if (plugin_factory) report_misuse("a plugin factory that is none");
          return deserialize(self, plan, size);
        });
  else
    table.add(3, &deserialize);
  return Api<RuntimeState>::make(table, new RuntimeState);
}

}  // namespace tensorrt_double
