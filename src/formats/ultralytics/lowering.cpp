#include "formats/ultralytics/lowering.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <numeric>
#include <utility>

#include "formats/advice.h"
#include "formats/ultralytics/module_table.h"

namespace peregrine::ultralytics {

namespace {

/// A module may contain itself in a forged file.
constexpr int deepest = 32;

constexpr const char* export_stock =
    "Export it to ONNX with Ultralytics and give that file: yolo export model=FILE format=onnx "
    "(with end2end=False for YOLOv10 and YOLO26).";
constexpr const char* export_own =
    "From a checkpoint only stock modules are read. Export the model to ONNX where its code is installed: "
    "Peregrine "
    "reads the operators of that file, or names the one that it does not know.";
constexpr const char* other_task = "Give a model that detects, segments or finds keypoints.";
constexpr const char* other_network =
    "Give a YOLOv8, YOLO11 or YOLO12: RT-DETR and models that are asked by text are not supported.";

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

/// Where the head is one that no file of this network is read with, its ONNX file neither; nothing otherwise.
const char* advice_on_head(const Module& head) {
  const std::string name = head.class_name();
  if (!StockClass{place::head, name, {}}.matches(head) ||
      is_one_of(name, {"Detect", "Pose", "Segment", "v10Detect", "Pose26", "Segment26"}))
    return "";
  if (is_one_of(name, {"Classify", "Depth", "SemanticSegment"}) || name.starts_with("OBB")) return other_task;
  return other_network;
}

/// What to do about a class that has no lowering: what is advised has been tried with such a model.
const char* advice(const Module& module) {
  const std::string name = module.class_name(), full = module.full_class_name();
  if (full.starts_with("torch.")) return advice::supported_layers;
  const bool stock = StockClass{place::block, name, {}}.matches(module) ||
                     StockClass{place::conv, name, {}}.matches(module) ||
                     StockClass{place::head, name, {}}.matches(module);
  return stock ? export_stock : export_own;
}

graph::Pair zero_padding(const Module& conv) {
  const pickle::Value* mode = conv.attribute("padding_mode");
  const std::string* name = mode ? pickle::text(*mode) : nullptr;
  if (name && *name != "zeros") throw unsupported_module(conv, fmt::format("pads with {}", *name));
  return conv.pair("padding");
}

}  // namespace

Error unsupported_class(const Module& module, const Module* head) {
  std::string hint = head ? advice_on_head(*head) : "";
  if (hint.empty()) hint = advice(module);
  return {"model.unsupported",
          fmt::format("'{}' is a module of class {}, which is not supported", module.path(),
                      module.full_class_name()),
          std::move(hint)};
}

Error unsupported_module(const Module& module, std::string_view what) {
  const bool torch_layer = module.full_class_name().starts_with("torch.");
  return {"model.unsupported", fmt::format("'{}' ({}) {}", module.path(), module.full_class_name(), what),
          torch_layer ? advice::supported_layers : export_own};
}

Error end_to_end_head(const Module& head) {
  Error error = unsupported_module(head, "is an end-to-end head without NMS");
  return {error.code(), error.sentence(), export_stock};
}

ValueId Lowering::module(const Module& module, std::span<const ValueId> inputs) {
  const ModuleEntry* entry = find_module(module);
  if (!entry) throw unsupported_class(module);
  require_stock(module, entry->stock);
  if (depth_ == deepest) throw unsupported_module(module, "lies too deep in other modules");
  ++depth_;
  const ValueId result = entry->lower(*this, module, inputs);
  --depth_;
  return result;
}

ValueId Lowering::convolution(const Module& conv, const std::optional<Module>& norm, ValueId input) {
  AffineSource source{conv.tensor("weight"), conv.tensor("bias"), nullptr};
  if (!source.weight) throw unsupported_module(conv, "has no weight");
  BatchNormSource folded;
  if (norm) {
    require_stock(*norm, sync_batch_norm.matches(*norm) ? sync_batch_norm : batch_norm);
    folded = {norm->path(),
              norm->tensor("weight"),
              norm->tensor("bias"),
              norm->tensor("running_mean"),
              norm->tensor("running_var"),
              norm->number("eps")};
    if (!folded.mean || !folded.variance) throw unsupported_module(*norm, "keeps no running statistics");
    source.norm = &folded;
  }
  const Affine affine = weights_.affine(conv.path(), source);
  std::vector<ValueId> inputs{input, graph_.add_constant(conv.path() + ".weight", affine.weight)};
  if (affine.bias) inputs.push_back(graph_.add_constant(conv.path() + ".bias", affine.bias));

  const graph::Pair pad = zero_padding(conv);
  const std::array<std::int64_t, 4> pads{pad[0], pad[1], pad[0], pad[1]};
  const std::int64_t groups = conv.integer("groups");
  if (!conv_transpose2d.matches(conv))
    return graph_.add(conv.path(), graph::Conv{conv.pair("stride"), conv.pair("dilation"), pads, groups},
                      std::move(inputs));
  if (conv.pair("dilation") != graph::Pair{1, 1}) throw unsupported_module(conv, "is dilated");
  return graph_.add(conv.path(),
                    graph::ConvTranspose{conv.pair("stride"), pads, conv.pair("output_padding"), groups},
                    std::move(inputs));
}

ValueId Lowering::scalar(std::string name, double value) {
  HostTensor tensor(DType::f32, {1});
  *tensor.as<float>() = static_cast<float>(value);
  return graph_.add_constant(std::move(name), std::move(tensor));
}

ValueId Lowering::parameter(const Module& module, std::string_view name) {
  const std::string full = fmt::format("{}.{}", module.path(), name);
  const pickle::Value* tensor = module.tensor(name);
  if (!tensor) throw unsupported_module(module, fmt::format("has no parameter '{}'", name));
  return graph_.add_constant(full, weights_.tensor(full, *tensor));
}

ValueId Lowering::scaled_attention(const Module& module, ValueId query, ValueId key, ValueId value,
                                   double scale) {
  const ValueId products = add(module, "products", graph::MatMul{}, {query, key});
  const ValueId factor = scalar(module.path() + ".scale", scale);
  const ValueId scores = add(module, "scores", graph::Binary{graph::Binary::Kind::mul}, {products, factor});
  const ValueId attention = add(module, "softmax", graph::Softmax{-1}, {scores});
  std::vector<std::int64_t> swapped(shape(attention).rank());
  std::iota(swapped.begin(), swapped.end(), 0);
  std::swap(swapped[swapped.size() - 1], swapped[swapped.size() - 2]);
  const ValueId weights = add(module, "weights", graph::Transpose{std::move(swapped)}, {attention});
  return add(module, "mixed", graph::MatMul{}, {value, weights});
}

graph::Pool Lowering::max_pool(const Module& module) {
  if (module.pair("dilation") != graph::Pair{1, 1}) throw unsupported_module(module, "is dilated");
  if (module.flag("return_indices", false)) throw unsupported_module(module, "returns indices");
  if (module.flag("ceil_mode", false)) throw unsupported_module(module, "rounds sizes up");
  const graph::Pair pad = module.pair("padding");
  return {graph::Pool::Kind::max,
          module.pair("kernel_size"),
          module.pair("stride"),
          {pad[0], pad[1], pad[0], pad[1]}};
}

ValueId Lowering::add(const Module& module, std::string_view suffix, graph::Operation operation,
                      std::vector<ValueId> inputs) {
  return graph_.add(suffix.empty() ? module.path() : fmt::format("{}.{}", module.path(), suffix),
                    std::move(operation), std::move(inputs));
}

std::vector<ValueId> Lowering::split_channels(const Module& module, std::vector<std::int64_t> sizes,
                                              ValueId input) {
  return graph_.add_node(module.path() + ".split", graph::Split{1, std::move(sizes)}, {input});
}

ValueId Lowering::concat_channels(const Module& module, std::vector<ValueId> inputs) {
  return add(module, "concat", graph::Concat{1}, std::move(inputs));
}

ValueId Lowering::sum(const Module& module, std::string_view suffix, ValueId a, ValueId b) {
  return add(module, suffix, graph::Binary{graph::Binary::Kind::add}, {a, b});
}

}  // namespace peregrine::ultralytics
