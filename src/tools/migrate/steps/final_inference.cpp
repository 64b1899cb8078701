#include <fmt/format.h>

#include <algorithm>

#include "core/task/task_traits.h"
#include "core/text.h"
#include "peregrine/error.h"
#include "peregrine/pipeline.h"
#include "tools/migrate/baseline/images.h"
#include "tools/migrate/steps.h"

namespace peregrine::migrate::steps {

namespace {

std::filesystem::path folder_of(const store::Store& store, const std::string& id) {
  return store.root() / "engines" / id;
}

/// The pipeline as it will serve: the migrated task slots, and beside ReID alone the detectors that serve
/// now.
PipelineOptions pipeline_of(const Migration& migration) {
  PipelineOptions options;
  options.engine = migration.context->builder->name();
  options.unverified = migration.options.unverified;
  for (const ModelSlot& slot : migration.slots) {
    if (traits_of(slot.task_slot).embeds)
      options.reid = folder_of(migration.store, slot.manifest->id);
    else
      options.models.push_back(folder_of(migration.store, slot.manifest->id));
  }
  if (!options.models.empty()) return options;
  for (const auto& [task_slot, service] : migration.store.current().task_slots)
    if (!traits_of(task_slot).embeds &&
        migration.store.show(service.engine).identity.engine == options.engine)
      options.models.push_back(folder_of(migration.store, service.engine));
  return options;
}

}  // namespace

StepSummary final_inference(Migration& migration) {
  const PipelineOptions options = pipeline_of(migration);
  if (options.models.empty())
    return {StepResult::Verdict::skipped,
            "a ReID engine alone has no persons to look at: migrate a detector as well"};
  Settings settings = migration.settings;
  settings.precision = migration.context->precision;
  Pipeline pipeline(settings, options);
  const ImageSet images(migration.options.images);
  std::vector<std::string> sources;
  for (const auto& file : images.files()) sources.push_back(file.native());
  std::size_t objects = 0, embeddings = 0;
  migration.report.fallbacks = pipeline.info().fallbacks;
  pipeline.run(sources, [&](const FrameResult& summary) {
    migration.tell(static_cast<double>(summary.index) / static_cast<double>(sources.size()),
                   printable(summary.path));
    if (summary.error) throw Error(*summary.error);
    objects += summary.result->objects.size();
    embeddings += static_cast<std::size_t>(std::ranges::count_if(
        summary.result->objects, [](const Object& object) { return !object.embedding.empty(); }));
    migration.report.host_to_device = summary.result->host_to_device;
    migration.report.device_to_host = summary.result->device_to_host;
    return true;
  });
  StepSummary summary{StepResult::Verdict::passed,
                      fmt::format("{} task slots together, {} images, {} objects{}",
                                  options.models.size() + (options.reid ? 1 : 0), sources.size(), objects,
                                  options.reid ? fmt::format(", {} embeddings", embeddings) : std::string())};
  if (!migration.report.fallbacks.empty()) {
    summary.verdict = StepResult::Verdict::warning;
    summary.sentence += fmt::format("; {} fell back", migration.report.fallbacks.front().step);
  }
  return summary;
}

}  // namespace peregrine::migrate::steps
