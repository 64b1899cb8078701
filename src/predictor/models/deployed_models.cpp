#include "predictor/models/deployed_models.h"

#include <fmt/format.h>

#include "core/task/task_traits.h"
#include "core/text.h"
#include "engine_cache/store/store.h"
#include "formats/onnx/write/writer.h"
#include "peregrine/error.h"
#include "predictor/models/model_engine.h"

namespace peregrine::predictor {

std::vector<std::filesystem::path> take_deployed(Settings& settings, PipelineOptions& options) {
  const store::Store store(settings.store);
  const store::Deployment current = store.current();
  if (current.task_slots.empty())
    throw Error("environment.service",
                fmt::format("Nothing is deployed in the store {}.", printable(settings.store.native())),
                "Name a checkpoint with --model, or deploy engines with `peregrine migrate`.");
  std::vector<std::filesystem::path> unverified;
  std::string engine = options.engine == "auto" ? "" : options.engine;
  for (const auto& [task, service] : current.task_slots) {
    const store::Manifest manifest = store.show(service.engine);
    const store::EngineIdentity& identity = manifest.identity;
    if (engine.empty()) engine = identity.engine;
    if (engine != identity.engine)
      throw Error("usage.engine",
                  fmt::format("For {} a {} engine is deployed, not a {} one.", to_string(task),
                              identity.engine, engine),
                  "Leave out --engine, or deploy engines of one kind: `peregrine engines use ID...`.");
    const std::filesystem::path folder = store.root() / "engines" / manifest.id;
    if (service.unverified) unverified.push_back(folder);
    if (traits_of(task).embeds) {
      if (!options.reid) options.reid = folder;
      continue;
    }
    if (!identity.input.any_size) settings.batch = identity.input.batch_opt;
    settings.precision = identity.precision;
    options.models.push_back(folder);
  }
  if (options.models.empty())
    throw Error("environment.service", "Only a ReID engine is deployed: there is nothing that finds persons.",
                "Deploy a detector: `peregrine engines use ID`.");
  options.engine = engine;
  return unverified;
}

engine_cache::Request open_reid_request(const ModelInfo& model) {
  engine_cache::Request request{.shape = input_shape(model, {}, onnx::open_batch_stand_in)};
  request.options.batches = reid_batches;
  return request;
}

engine_cache::Request deployment_request(const ModelInfo& model, const engine_cache::EngineContext& context,
                                         const Settings& settings) {
  engine_cache::Request request;
  if (!traits_of(model).embeds) {
    request.shape = input_shape(model, settings.imgsz, settings.batch);
    return request;
  }
  if (model.fixed_batch == 0 && context.builder->has_open_batch()) return open_reid_request(model);
  request.shape = input_shape(model, {}, model.fixed_batch != 0 ? model.fixed_batch : reid_batch);
  request.any_size = model.dynamic_shape && !context.device.on_gpu();
  return request;
}

}  // namespace peregrine::predictor
