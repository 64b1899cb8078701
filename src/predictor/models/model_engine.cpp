#include "predictor/models/model_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "core/log.h"
#include "core/task/task_traits.h"
#include "core/trace.h"
#include "engine_cache/engine_cache.h"
#include "peregrine/error.h"
#include "predictor/models/build_engine.h"
#include "stages/preprocess/letterbox.h"

namespace peregrine::predictor {

namespace {

/// Shapes kept for a dynamic engine; a folder of images rarely has more aspect ratios at once.
constexpr std::size_t most_cached_shapes = 16;

bool holds_for_one_size(const Model& model) { return model.info().head == HeadLayout::decoded; }

/// However often a shape is asked for.
void say_once(const std::string& sentence) {
  static std::mutex mutex;
  static std::set<std::string> said;
  const std::scoped_lock lock(mutex);
  if (said.insert(sentence).second) log::info(sentence);
}

InputSize rounded_up(const ModelInfo& model, const InputSize& size) {
  const int multiple = input_multiple(model);
  const auto up = [&](int side) { return (side + multiple - 1) / multiple * multiple; };
  const InputSize rounded(up(size.height), up(size.width));
  if (rounded != size)
    say_once(fmt::format("{}: the input size {} is rounded up to {}: its sides are multiples of {}.",
                         model.name, to_string(size), to_string(rounded), multiple));
  return rounded;
}

}  // namespace

int input_multiple(const ModelInfo& model) {
  return std::max(32, model.strides.empty() ? 0 : model.strides.back());
}

InputShape input_shape(const ModelInfo& model, std::optional<InputSize> wanted, int batch) {
  const InputSize own(model.image_height, model.image_width);
  InputSize size = own;
  if (!traits_of(model).embeds && (model.dynamic_shape || wanted.value_or(own) != own))
    size = rounded_up(model, wanted.value_or(own));
  if (!model.dynamic_shape && size != own)
    throw Error("usage.imgsz", fmt::format("{} runs at --imgsz {} only.", model.name, to_string(own)),
                "Leave out --imgsz, or export the model with dynamic shapes.");
  if (model.fixed_batch != 0 && model.fixed_batch != batch)
    throw Error("usage.batch", fmt::format("{} runs at batch {} only.", model.name, model.fixed_batch),
                fmt::format("Pass --batch {}, or export the model with a dynamic batch.", model.fixed_batch));
  return {batch, size.height, size.width};
}

InputShape detector_shape(const ModelInfo& model, const Settings& settings, const PipelineOptions& options) {
  if (options.rect && !model.dynamic_shape)
    throw Error("usage.rect", fmt::format("{} has a fixed input size.", model.name), "Leave out --rect.");
  const InputShape shape = input_shape(model, settings.imgsz, settings.batch);
  if (!options.validation || shape.height == shape.width) return shape;
  const InputSize own(shape.height, shape.width);
  if (!model.dynamic_shape)
    throw Error("validation.model",
                fmt::format("{} has a fixed input of {}, which is no square.", model.name, to_string(own)),
                "Validation is defined for square inputs: validate the checkpoint, or export it with a "
                "square input.");
  const int side = std::max(own.height, own.width);
  say_once(fmt::format("{}: validation runs at {} instead of {}: it is square, as Ultralytics' is.",
                       model.name, side, to_string(own)));
  return {shape.batch, side, side};
}

Geometry detector_geometry(const ImageView& image, const ModelInfo& model, const InputShape& shape,
                           const PipelineOptions& options) {
  if (options.rect)
    return preprocess::letterbox_rect(image.width, image.height, shape.width, shape.height,
                                      input_multiple(model));
  if (options.validation) return preprocess::letterbox_validation(image.width, image.height, shape.width);
  return preprocess::letterbox(image.width, image.height, shape.width, shape.height);
}

ModelEngine::ModelEngine(const Model& model, const engine_cache::EngineContext& context,
                         const InputShape& shape, bool dynamic)
    : model_(model.info()),
      step_("inference " + model_.name),
      shape_(shape),
      dynamic_(dynamic),
      engine_(build_engine(model, context, shape, dynamic && !holds_for_one_size(model))) {
  if (dynamic && holds_for_one_size(model)) {
    if (engine_cache::is_engine(model))
      throw Error("usage.rect", fmt::format("{} is kept as an engine for one size.", model_.name),
                  "Leave out --rect, or give the model's file.");
    source_.emplace(model, context);
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
  const auto& [model, context] = *source_;
  const InputShape shape{static_cast<int>(input[0]), static_cast<int>(input[2]), static_cast<int>(input[3])};
  Outputs outputs;
  outputs.engine = build_engine(model, context, shape, false);
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
    if (output == outputs.named.end())
      throw Error("internal.binding", fmt::format("Nothing is bound to {}.", binding.name));
    bindings.push_back(output->view);
  }
  engine.enqueue(bindings, {});
  return outputs.named;
}

}  // namespace peregrine::predictor
