#include "engine/openvino/openvino_engine.h"

#include <fmt/format.h>

#include <set>
#include <string>

#include "core/log.h"
#include "core/memory_error.h"
#include "engine/openvino/element_type.h"
#include "peregrine/error.h"

namespace peregrine::openvino {

namespace {

Precision to_precision(ov::element::Type type) {
  if (type == ov::element::bf16) return Precision::bf16;
  if (type == ov::element::f16) return Precision::fp16;
  return Precision::fp32;
}

/// What the compiled model's convolutions and GEMMs really compute in: the lowest precision among them.
/// A model without any has the precision that the plugin settled on.
Precision executed_precision(const ov::CompiledModel& model) {
  static const std::set<std::string> heavy{"Convolution", "Deconvolution", "FullyConnected", "MatMul"};
  std::set<std::string> used;
  for (const auto& node : model.get_runtime_model()->get_ops()) {
    const ov::RTMap& facts = node->get_rt_info();
    if (heavy.contains(facts.at("layerType").as<std::string>()))
      used.insert(facts.at("runtimePrecision").as<std::string>());
  }
  if (used.empty()) return to_precision(model.get_property(ov::hint::inference_precision));
  if (used.contains("bf16")) return Precision::bf16;
  return used.contains("f16") ? Precision::fp16 : Precision::fp32;
}

ov::Tensor wrap(const TensorView& view) {
  return {element_type(view.dtype), ov::Shape(view.shape.begin(), view.shape.end()), view.data};
}

Error binding_error(const Binding& expected, std::string_view what) {
  return {"engine.binding", fmt::format("The openvino engine's {} '{}' {}.",
                                        expected.is_input ? "input" : "output", expected.name, what)};
}

}  // namespace

ov::Core& core() {
  static ov::Core instance;
  return instance;
}

Error failure(std::string_view what, const std::exception& error, std::string hint) {
  std::string_view message = error.what();
  log::debug(fmt::format("OpenVINO says: {}", message));
  if (speaks_of_memory(message) || is_memory_exhausted())
    return out_of_memory(fmt::format("for OpenVINO to {}", what));
  const std::size_t end = message.find_last_not_of(" \n\r\t.");
  message = message.substr(0, end == std::string_view::npos ? 0 : end + 1);
  message = message.substr(message.find_last_of('\n') + 1);
  return {"engine.openvino", fmt::format("OpenVINO could not {}: {}.", what, message), std::move(hint)};
}

ov::AnyMap configuration(Precision precision, int threads) {
  const auto type = precision == Precision::bf16   ? ov::element::bf16
                    : precision == Precision::fp16 ? ov::element::f16
                                                   : ov::element::f32;
  ov::AnyMap properties{ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY),
                        ov::hint::inference_precision(type)};
  if (threads > 0) properties.insert(ov::inference_num_threads(threads));
  return properties;
}

OpenVinoEngine::OpenVinoEngine(ov::CompiledModel model, std::vector<Binding> bindings, bool dynamic)
    : model_(std::move(model)),
      request_(model_.create_infer_request()),
      bindings_(std::move(bindings)),
      dynamic_(dynamic),
      precision_(executed_precision(model_)) {
  if (bindings_.size() != model_.inputs().size() + model_.outputs().size())
    throw Error("engine.plan", "The engine's plan names other inputs and outputs than its model has.",
                "Build the engine again: `peregrine build MODEL --rebuild`.");
}

void OpenVinoEngine::check(const Binding& expected, const TensorView& given) const {
  if (given.device.on_gpu())
    throw binding_error(expected, fmt::format("is on {}, expected cpu", to_string(given.device)));
  if (given.dtype != expected.dtype)
    throw binding_error(expected,
                        fmt::format("is {}, expected {}", to_string(given.dtype), to_string(expected.dtype)));
  if (!given.data || !given.dense()) throw binding_error(expected, "is not a dense tensor");
  const bool fits = dynamic_ ? given.shape.rank() == expected.shape.rank() : given.shape == expected.shape;
  if (!fits)
    throw binding_error(expected, fmt::format("has the shape {}, expected {}", to_string(given.shape),
                                              to_string(expected.shape)));
}

void OpenVinoEngine::enqueue(std::span<const TensorView> views, StreamHandle) {
  if (views.size() != bindings_.size())
    throw Error("engine.binding",
                fmt::format("The openvino engine has {} bindings, not {}.", bindings_.size(), views.size()));
  const std::size_t inputs = model_.inputs().size();
  for (std::size_t i = 0; i < views.size(); ++i) check(bindings_[i], views[i]);
  try {
    for (std::size_t i = 0; i < views.size(); ++i) {
      if (i < inputs)
        request_.set_input_tensor(i, wrap(views[i]));
      else
        request_.set_output_tensor(i - inputs, wrap(views[i]));
    }
    request_.infer();
    if (!dynamic_) return;
    for (std::size_t i = inputs; i < views.size(); ++i) {
      const ov::Shape produced = request_.get_output_tensor(i - inputs).get_shape();
      if (!std::ranges::equal(produced, views[i].shape))
        throw binding_error(bindings_[i], fmt::format("has the shape {}, expected {}",
                                                      to_string(views[i].shape), fmt::join(produced, "x")));
    }
  } catch (const ov::Exception& error) {
    throw failure("run the model", error);
  }
}

}  // namespace peregrine::openvino
