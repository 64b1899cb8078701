#include "pipeline/service.h"

#include <fmt/format.h>

#include "base/text.h"
#include "engine/store/store.h"
#include "peregrine/error.h"
#include "pipeline/model_engine.h"

namespace peregrine::pipeline {

std::vector<std::filesystem::path> take_service(Settings& settings, PipelineOptions& options) {
  const store::Store store(settings.store);
  const store::Generation current = store.current();
  if (current.roles.empty())
    throw Error("environment.service", fmt::format("Nothing is in service in the store {}.", printable(settings.store.native())),
                "Name a checkpoint with --model, or put engines into service with `peregrine migrate`.");
  std::vector<std::filesystem::path> unverified;
  std::string engine = options.engine == "auto" ? "" : options.engine;
  for (const auto& [task, service] : current.roles) {
    const store::Manifest manifest = store.show(service.engine);
    const store::Identity& identity = manifest.identity;
    if (engine.empty()) engine = identity.engine;
    if (engine != identity.engine)
      throw Error("usage.engine",
                  fmt::format("For {} a {} engine is in service, not a {} one.", to_string(task), identity.engine, engine),
                  "Leave out --engine, or put engines of one kind into service: `peregrine engines use ID...`.");
    const std::filesystem::path folder = store.root() / "engines" / manifest.id;
    if (service.unverified) unverified.push_back(folder);
    if (task == Task::reid) {
      if (!options.reid) options.reid = folder;
      continue;
    }
    if (!identity.input.any_size) settings.batch = identity.input.batch_opt;
    settings.precision = identity.precision;
    options.models.push_back(folder);
  }
  if (options.models.empty())
    throw Error("environment.service", "Only a ReID engine is in service: there is nothing that finds persons.",
                "Put a detector into service: `peregrine engines use ID`.");
  options.engine = engine;
  return unverified;
}

provision::Request service_request(const ModelInfo& model, const provision::EngineChoice& choice, const Settings& settings) {
  provision::Request request;
  if (model.task != Task::reid) {
    request.shape = input_shape(model, settings.imgsz, settings.batch);
    return request;
  }
  request.shape = input_shape(model, {}, model.fixed_batch != 0 ? model.fixed_batch : reid_batch);
  request.any_size = model.dynamic_shape && !choice.device.on_gpu();
  return request;
}

}  // namespace peregrine::pipeline
