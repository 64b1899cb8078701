#include "pipeline/build_engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "provision/engine_file.h"
#include "provision/provision.h"

namespace peregrine::pipeline {

Plan build_plan(const Model& model, const provision::EngineChoice& choice, const InputShape& shape, bool dynamic,
                const Plan* choices_from) {
  const bool unverified = choice.unverified || std::ranges::count(choice.unverified_engines, model.origin()) > 0;
  const store::Trust trust = unverified ? store::Trust::unverified : store::Trust::verified;
  if (provision::is_engine(model)) return store::load_folder(model.origin(), provision::environment_of(choice), trust).plan;
  if (provision::is_engine_file(model)) return provision::plan_of_engine_file(model, choice);
  BuildOptions options;
  options.choices_from = choices_from;
  if (choice.store.empty()) {
    options.precision = choice.precision;
    options.device = choice.device;
    options.dynamic_size = dynamic;
    return choice.builder->build(provision::prepare_graph(model, choice, shape), options);
  }
  store::Store store(choice.store);
  const provision::Request request{.shape = shape, .any_size = dynamic, .options = options, .verify = !choice.unverified};
  const provision::Obtained obtained = provision::obtain(store, model, choice, request);
  return provision::load(store, obtained.manifest.id, choice, trust).plan;
}

std::unique_ptr<Engine> build_engine(const Model& model, const provision::EngineChoice& choice, const InputShape& shape,
                                     bool dynamic, const Plan* choices_from) {
  auto engine = choice.builder->load(build_plan(model, choice, shape, dynamic, choices_from), choice.device, choice.pool);
  engine->prefer_batch(shape.batch);
  const ModelInfo& info = model.info();
  log::debug(fmt::format("{}: {} on the {} engine, {}, input {}x3x{}x{}, {}", info.name, to_string(info.task),
                         choice.builder->name(), to_string(choice.device), shape.batch, shape.height, shape.width,
                         to_string(engine->precision())));
  return engine;
}

}  // namespace peregrine::pipeline
