#include "pipeline/build_engine.h"

#include <fmt/format.h>

#include "base/log.h"
#include "graph/passes.h"
#include "peregrine/error.h"

namespace peregrine::pipeline {

Plan build_plan(const Model& model, const provision::EngineChoice& choice, const InputShape& shape, bool dynamic,
                const Plan* choices_from) {
  graph::Graph graph = model.graph(shape);
  graph::run_passes(graph);
  const ModelInfo& info = model.info();
  if (const auto reasons = choice.builder->unsupported(graph); !reasons.empty())
    throw Error("engine.unsupported",
                fmt::format("The {} engine cannot run {}: {}", choice.builder->name(), info.name, fmt::join(reasons, " ")));
  BuildOptions options;
  options.precision = choice.precision;
  options.device = choice.device;
  options.dynamic_size = dynamic;
  options.choices_from = choices_from;
  return choice.builder->build(graph, options);
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
