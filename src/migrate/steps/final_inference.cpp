#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "migrate/pictures.h"
#include "migrate/steps.h"
#include "peregrine/error.h"
#include "peregrine/pipeline.h"

namespace peregrine::migrate::steps {

namespace {

std::filesystem::path folder_of(const store::Store& store, const std::string& id) { return store.root() / "engines" / id; }

/// The pipeline as it will serve: the migrated roles, and beside ReID alone the detectors that serve now.
PipelineOptions pipeline_of(const Migration& migration) {
  PipelineOptions options;
  options.engine = migration.choice->builder->name();
  options.unverified = migration.options.unverified;
  for (const Slot& slot : migration.slots) {
    if (slot.role == Task::reid)
      options.reid = folder_of(migration.store, slot.manifest->id);
    else
      options.models.push_back(folder_of(migration.store, slot.manifest->id));
  }
  if (!options.models.empty()) return options;
  for (const auto& [role, service] : migration.store.current().roles)
    if (role != Task::reid && migration.store.show(service.engine).identity.engine == options.engine)
      options.models.push_back(folder_of(migration.store, service.engine));
  return options;
}

}  // namespace

StepOutcome final_inference(Migration& migration) {
  const PipelineOptions options = pipeline_of(migration);
  if (options.models.empty())
    return {StepResult::Verdict::skipped, "a ReID engine alone has no persons to look at: migrate a detector as well"};
  Settings settings = migration.settings;
  settings.precision = migration.choice->precision;
  Pipeline pipeline(settings, options);
  const Pictures pictures(migration.options.pictures);
  std::vector<std::string> sources;
  for (const auto& file : pictures.files()) sources.push_back(file.native());
  std::size_t objects = 0, embeddings = 0;
  migration.report.fallbacks = pipeline.info().fallbacks;
  pipeline.run(sources, [&](const Outcome& outcome) {
    migration.tell(static_cast<double>(outcome.index) / static_cast<double>(sources.size()), printable(outcome.path));
    if (outcome.error) throw Error(*outcome.error);
    objects += outcome.result->objects.size();
    embeddings += static_cast<std::size_t>(
        std::ranges::count_if(outcome.result->objects, [](const Object& object) { return !object.embedding.empty(); }));
    migration.report.host_to_device = outcome.result->host_to_device;
    migration.report.device_to_host = outcome.result->device_to_host;
    return true;
  });
  StepOutcome outcome{
      StepResult::Verdict::passed,
      fmt::format("{} roles together, {} pictures, {} objects{}", options.models.size() + (options.reid ? 1 : 0), sources.size(),
                  objects, options.reid ? fmt::format(", {} embeddings", embeddings) : std::string())};
  if (!migration.report.fallbacks.empty()) {
    outcome.verdict = StepResult::Verdict::warning;
    outcome.sentence += fmt::format("; {} fell back", migration.report.fallbacks.front().step);
  }
  return outcome;
}

}  // namespace peregrine::migrate::steps
