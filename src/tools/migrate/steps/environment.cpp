#include <fmt/format.h>

#include <algorithm>

#include "peregrine/error.h"
#include "tools/migrate/baseline/speed.h"
#include "tools/migrate/steps.h"

namespace peregrine::migrate::steps {

namespace {

doctor::EnvironmentNeeds needs_for(Migration& migration) {
  std::vector<std::uintmax_t> sizes;
  for (const ModelSlot& slot : migration.slots) {
    std::error_code unreadable;  // the step "models" says so
    const auto size = std::filesystem::file_size(slot.path, unreadable);
    sizes.push_back(unreadable ? 0 : size);
  }
  doctor::EnvironmentNeeds needs = doctor::needs_of(sizes);
  needs.python = migration.options.python;
  needs.python_limit = answer_limit(migration.options.limit);
  needs.stop = migration.stop();
  needs.progress = migration.progress();
  return needs;
}

}  // namespace

StepSummary environment(Migration& migration) {
  migration.tell(0, "looking at this machine");
  const Options& options = migration.options;
  doctor::Environment found = doctor::check_environment(migration.settings, needs_for(migration));
  auto& rows = migration.report.environment = std::move(found.rows);
  if (options.baseline == Baseline::pytorch && !found.python.usable())
    std::ranges::find(rows, "Python", &EnvironmentRow::name)->standing = EnvironmentRow::Standing::bad;

  Settings settings = migration.settings;
  if (options.validate_only) settings.store.clear();  // what a probe learns of a library stays in memory
  migration.context = engine_cache::choose_engine(settings, options.engine, migration.progress());
  const auto bad = std::ranges::find(rows, EnvironmentRow::Standing::bad, &EnvironmentRow::standing);
  if (bad != rows.end())
    throw Error("environment.machine", doctor::complaint(rows) + ".", "To mend: " + bad->remedy + ".");

  StepSummary summary;
  const engine_cache::EngineContext& context = *migration.context;
  summary.sentence =
      fmt::format("{} engine on {} ({}), {}", context.builder->name(), to_string(context.device),
                  context.device_name, to_string(context.precision));
  if (!options.python.empty() && !found.python.usable()) {
    summary.verdict = StepResult::Verdict::warning;
    summary.sentence += "; there is no comparison with PyTorch: " + found.python.why;
  }
  return summary;
}

}  // namespace peregrine::migrate::steps
