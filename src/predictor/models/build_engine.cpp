#include "predictor/models/build_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "engine_cache/engine_file.h"

namespace peregrine::predictor {

/// As kept where the model is an engine already, otherwise from the store, or built.
Plan build_plan(const Model& model, const engine_cache::EngineContext& context,
                engine_cache::Request request) {
  const bool unverified =
      context.unverified || std::ranges::count(context.unverified_engines, model.origin()) > 0;
  const store::Trust trust = unverified ? store::Trust::unverified : store::Trust::verified;
  if (engine_cache::is_engine(model))
    return store::load_folder(model.origin(), engine_cache::environment_of(context), trust).plan;
  if (engine_cache::is_engine_file(model)) return engine_cache::plan_of_engine_file(model, context);
  if (context.store.empty()) {
    BuildOptions& options = request.options;
    options.precision = context.precision;
    options.device = context.device;
    options.dynamic_size = request.any_size;
    options.progress = context.progress;
    return context.builder->build(engine_cache::prepare_graph(model, context, request.shape, options),
                                  options);
  }
  store::Store store(context.store);
  request.verify = !context.unverified;
  const engine_cache::CachedEngine cached_engine = engine_cache::get_or_build(store, model, context, request);
  return engine_cache::load(store, cached_engine.manifest.id, context, trust).plan;
}

Plan build_plan(const Model& model, const engine_cache::EngineContext& context, const InputShape& shape,
                bool dynamic, const Plan* tactics_from) {
  engine_cache::Request request{.shape = shape, .any_size = dynamic};
  request.options.tactics_from = tactics_from;
  return build_plan(model, context, std::move(request));
}

std::unique_ptr<Engine> build_engine(const Model& model, const engine_cache::EngineContext& context,
                                     const InputShape& shape, bool dynamic, const Plan* tactics_from) {
  auto engine = context.builder->load(build_plan(model, context, shape, dynamic, tactics_from),
                                      context.device, context.pool);
  engine->prefer_batch(shape.batch);
  const ModelInfo& info = model.info();
  log::debug(fmt::format("{}: {} on the {} engine, {}, input {}x3x{}x{}, {}", info.name, to_string(info.task),
                         context.builder->name(), to_string(context.device), shape.batch, shape.height,
                         shape.width, to_string(engine->precision())));
  return engine;
}

}  // namespace peregrine::predictor
