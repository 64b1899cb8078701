#include "tools/compare/operand.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/task/task_traits.h"
#include "core/text.h"
#include "engine/host_run.h"
#include "engine_cache/engine_cache.h"
#include "engine_cache/store/store.h"
#include "peregrine/error.h"
#include "peregrine/pipeline.h"
#include "predictor/models/build_engine.h"
#include "predictor/models/model_engine.h"
#include "tools/compare/layers.h"

namespace peregrine::compare {

namespace {

namespace fs = std::filesystem;

struct ModelSpec {
  std::string model, engine, precision;
};

/// MODEL[@ENGINE[:PRECISION]]; a file whose own name has an "@" is taken as it is.
ModelSpec parse(const std::string& text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string::npos || fs::exists(text)) return {text, {}, {}};
  const std::string behind = text.substr(at + 1);
  const std::size_t colon = behind.find(':');
  return {text.substr(0, at), behind.substr(0, colon),
          colon == std::string::npos ? std::string{} : behind.substr(colon + 1)};
}

Tensors run_all(Engine& engine, const HostTensor& input) {
  Tensors tensors;
  for (const Binding& binding : engine.io())
    if (!binding.is_input) tensors.names.push_back(binding.name);
  const TensorView view = input.view();
  tensors.values = run_on_host(engine, {&view, 1});
  return tensors;
}

}  // namespace

const HostTensor* Tensors::find(const std::string& name) const {
  const auto found = std::ranges::find(names, name);
  return found == names.end() ? nullptr : &values[static_cast<std::size_t>(found - names.begin())];
}

Operand::Operand(const Settings& settings, const std::string& text, const std::optional<TaskHint>& told,
                 engine_cache::EngineProgress progress)
    : settings_(settings), progress_(std::move(progress)) {
  settings_.batch = 1;
  settings_.tasks.clear();
  if (told) settings_.tasks.push_back(*told);
  const ModelSpec spec = parse(text);
  if (!spec.engine.empty()) engine_ = spec.engine;
  if (!spec.precision.empty()) {
    settings_.precision = parse_precision(spec.precision);
    if (!settings_.precision)
      throw Error("usage.precision", fmt::format("There is no precision \"{}\".", printable(spec.precision)),
                  "Precisions: fp16, fp32, bf16.");
  }
  if (fs::exists(spec.model))
    open(spec.model);
  else
    open_cached(spec.model);
  context_.unverified = true;
}

void Operand::open(const std::string& name) {
  context_ = engine_cache::choose_engine(settings_, engine_, progress_);
  context_.store = settings_.store;
  model_ = engine_cache::open_model(name, task_hint(settings_, 0, 1));
  shape_ = predictor::input_shape(model_->info(), settings_.imgsz, 1);
}

void Operand::open_cached(const std::string& id) {
  const store::Store store(settings_.store);
  if (id.find_first_not_of("0123456789abcdef") != std::string::npos)
    throw Error("usage.explain", fmt::format("There is no file {}, and it is no engine's id.", printable(id)),
                "Give MODEL[@ENGINE[:PRECISION]], or an id that `peregrine engines list` shows.");
  const store::Manifest manifest = store.show(id);
  engine_ = manifest.identity.engine;
  settings_.precision = manifest.identity.precision;
  settings_.batch = manifest.identity.input.any_size ? 1 : manifest.identity.input.batch_opt;
  settings_.imgsz.reset();  // a cached engine has its own
  context_ = engine_cache::choose_engine(settings_, engine_, progress_);
  context_.store = settings_.store;
  model_ = engine_cache::open_model(store.root() / "engines" / manifest.id, task_hint(settings_, 0, 1));
  shape_ = {settings_.batch, manifest.identity.input.height, manifest.identity.input.width};
  for (const TaskTraits& traits : all_tasks())
    if (traits.setting && fs::is_regular_file(settings_.*traits.setting))
      take_source(load_model_expecting(settings_.*traits.setting, hint_of(manifest.model)));
}

std::string Operand::title() const {
  const std::string id = engine_cache::is_engine(*model_)
                             ? fmt::format(", engine {}", model_->origin().filename().string())
                             : "";
  return fmt::format("{} on {} in {}{}", printable(model().name), context_.builder->name(),
                     to_string(precision_), id);
}

const Model* Operand::source() const {
  if (!engine_cache::is_engine(*model_)) return &*model_;
  return source_ ? &*source_ : nullptr;
}

void Operand::take_source(const Model& model) {
  if (engine_cache::is_engine(*model_) && model.info().sha256 == model_->info().sha256) source_ = model;
}

Tensors Operand::run_heads(const HostTensor& input) {
  const auto engine = predictor::build_engine(*model_, context_, shape_, false);
  precision_ = engine->precision();
  return run_all(*engine, input);
}

Tensors Operand::run_layers(const HostTensor& input) {
  graph::Graph graph = engine_cache::prepare_graph(*source(), context_, shape_, {});
  mark_layers(graph);
  BuildOptions options;
  options.precision = context_.precision;
  options.device = context_.device;
  options.progress = progress_;
  options.tune = false;  // what is asked is the arithmetic, not the time
  const auto engine = context_.builder->load(context_.builder->build(graph, options), context_.device);
  return run_all(*engine, input);
}

std::vector<Object> Operand::run_pipeline(const fs::path& image) const {
  PipelineOptions options;
  options.models = {model_->origin()};
  options.engine = engine_;
  options.unverified = true;
  options.progress = progress_;
  Pipeline pipeline(settings_, options);
  std::vector<Object> objects;
  pipeline.run({image.string()}, [&](const FrameResult& frame_result) {
    if (frame_result.error) throw Error(*frame_result.error);
    objects = frame_result.result->objects;
    return false;
  });
  return objects;
}

}  // namespace peregrine::compare
