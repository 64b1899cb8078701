#include "pipeline/build_engine.h"

#include <fmt/format.h>

#include "base/log.h"
#include "provision/provision.h"

namespace peregrine::pipeline {

Plan build_plan(const Model& model, const provision::EngineChoice& choice, const InputShape& shape, bool dynamic,
                const Plan* choices_from) {
  const store::Trust trust = choice.unverified ? store::Trust::unverified : store::Trust::verified;
  if (provision::is_engine(model)) return store::load_folder(model.origin(), provision::environment_of(choice), trust).plan;
  if (choice.store.empty() || choices_from) {  // what takes another plan's choices is made in no time
    BuildOptions options;
    options.precision = choice.precision;
    options.device = choice.device;
    options.dynamic_size = dynamic;
    options.choices_from = choices_from;
    return choice.builder->build(provision::prepare_graph(model, choice, shape), options);
  }
  store::Store store(choice.store);
  const provision::Request request{.shape = shape, .any_size = dynamic, .verify = !choice.unverified};
  const provision::Obtained obtained = provision::obtain(store, model, choice, request);
  return provision::load(store, obtained.manifest.id, choice, trust).plan;
}

std::unique_ptr<Engine> build_engine(const Model& model, const provision::EngineChoice& choice, const InputShape& shape,
                                     bool dynamic, const Plan* choices_from) {
  auto engine = choice.builder->load(build_plan(model, choice, shape, dynamic, choices_from), choice.device);
  const ModelInfo& info = model.info();
  log::debug(fmt::format("{}: {} on the {} engine, input {}x3x{}x{}, {}", info.name, to_string(info.task), choice.builder->name(),
                         shape.batch, shape.height, shape.width, to_string(engine->precision())));
  return engine;
}

}  // namespace peregrine::pipeline
