#include "pipeline/build_engine.h"

#include <fmt/format.h>

#include "base/log.h"
#include "graph/passes.h"
#include "peregrine/error.h"

namespace peregrine::pipeline {

std::unique_ptr<Engine> build_engine(const Model& model, const EngineChoice& choice, const InputShape& shape, bool dynamic) {
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
  auto engine = choice.builder->load(choice.builder->build(graph, options), choice.device);
  log::debug(fmt::format("{}: {} on the {} engine, input {}x3x{}x{}, {}", info.name, to_string(info.task), choice.builder->name(),
                         shape.batch, shape.height, shape.width, to_string(engine->precision())));
  return engine;
}

}  // namespace peregrine::pipeline
