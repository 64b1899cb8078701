#include "pipeline/model_engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/trace.h"
#include "peregrine/error.h"
#include "pipeline/build_engine.h"
#include "provision/provision.h"

namespace peregrine::pipeline {

namespace {

/// Shapes kept for a dynamic engine; a folder of pictures rarely has more aspect ratios at once.
constexpr std::size_t most_cached_shapes = 16;

bool holds_for_one_size(const Model& model) { return model.info().head == HeadLayout::decoded; }

}  // namespace

InputShape input_shape(const ModelInfo& model, std::optional<int> wanted_size, int batch) {
  InputShape shape{batch, model.image_height, model.image_width};
  if (wanted_size && model.task != Task::reid) {
    const int stride = model.strides.empty() ? 32 : model.strides.back();
    shape.height = shape.width = (*wanted_size + stride - 1) / stride * stride;
  }
  if (!model.dynamic_shape && (shape.height != model.image_height || shape.width != model.image_width))
    throw Error("usage.imgsz", fmt::format("{} runs at {}x{} only.", model.name, model.image_width, model.image_height),
                "Leave out --imgsz, or export the model with dynamic shapes.");
  if (model.fixed_batch != 0 && model.fixed_batch != batch)
    throw Error("usage.batch", fmt::format("{} runs at batch {} only.", model.name, model.fixed_batch),
                fmt::format("Pass --batch {}, or export the model with a dynamic batch.", model.fixed_batch));
  return shape;
}

ModelEngine::ModelEngine(const Model& model, const provision::EngineChoice& choice, const InputShape& shape,
                         bool dynamic)
    : model_(model.info()),
      step_("inference " + model_.name),
      shape_(shape),
      dynamic_(dynamic),
      engine_(build_engine(model, choice, shape, dynamic && !holds_for_one_size(model))) {
  if (dynamic && holds_for_one_size(model)) {
    if (provision::is_engine(model))
      throw Error("usage.rect", fmt::format("{} is kept as an engine for one size.", model_.name),
                  "Leave out --rect, or give the model's file.");
    source_.emplace(model, choice);
    // The same weights in the same arithmetic: what the store verified is not verified again.
    source_->second.store.clear();
  }
  Outputs outputs;
  for (const Binding& binding : engine_->io())
    if (!binding.is_input) outputs.add(binding.name, binding.shape);
  outputs_.emplace(std::vector<std::int64_t>{shape.batch, 3, shape.height, shape.width}, std::move(outputs));
}

void ModelEngine::Outputs::add(const std::string& name, const Shape& shape) {
  tensors.emplace_back(DType::f32, shape);
  named.push_back({name, tensors.back().view()});
}

ModelEngine::Outputs ModelEngine::built_for(const Shape& input) const {
  const auto& [model, choice] = *source_;
  const InputShape shape{static_cast<int>(input[0]), static_cast<int>(input[2]), static_cast<int>(input[3])};
  Outputs outputs;
  outputs.engine = build_engine(model, choice, shape, false);
  for (const Binding& binding : outputs.engine->io())
    if (!binding.is_input) outputs.add(binding.name, binding.shape);
  return outputs;
}

ModelEngine::Outputs ModelEngine::scaled_to(const Shape& input) const {
  const auto scaled = [&](Shape shape) {  // height and width are multiples of every stride, so this is exact
    const auto rows = [&](std::int64_t n) { return n * input[2] / shape_.height; };
    const auto columns = [&](std::int64_t n) { return n * input[3] / shape_.width; };
    shape[0] = input[0];
    if (shape.rank() == 3) shape[2] = columns(rows(shape[2]));
    if (shape.rank() == 4) {
      shape[2] = rows(shape[2]);
      shape[3] = columns(shape[3]);
    }
    return shape;
  };
  Outputs outputs;
  for (const Binding& binding : engine_->io())
    if (!binding.is_input) outputs.add(binding.name, scaled(binding.shape));
  return outputs;
}

ModelEngine::Outputs& ModelEngine::outputs_for(const Shape& input) {
  std::vector<std::int64_t> key(input.begin(), input.end());
  if (const auto found = outputs_.find(key); found != outputs_.end()) return found->second;
  if (outputs_.size() >= most_cached_shapes) outputs_.erase(outputs_.begin());
  return outputs_.emplace(std::move(key), source_ ? built_for(input) : scaled_to(input)).first->second;
}

std::span<const postprocess::NamedTensor> ModelEngine::run(const TensorView& input) {
  const trace::Range range(step_);
  Outputs& outputs = outputs_for(input.shape);
  Engine& engine = outputs.engine ? *outputs.engine : *engine_;
  std::vector<TensorView> bindings;
  for (const Binding& binding : engine.io()) {
    if (binding.is_input) {
      bindings.push_back(input);
      continue;
    }
    const auto output = std::ranges::find(outputs.named, binding.name, &postprocess::NamedTensor::name);
    if (output == outputs.named.end()) throw Error("internal.binding", fmt::format("Nothing is bound to {}.", binding.name));
    bindings.push_back(output->view);
  }
  engine.enqueue(bindings, {});
  return outputs.named;
}

}  // namespace peregrine::pipeline
