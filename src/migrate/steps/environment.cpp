#include <fmt/format.h>

#include <algorithm>

#include "migrate/speed.h"
#include "migrate/steps.h"
#include "peregrine/error.h"

namespace peregrine::migrate::steps {

namespace {

EnvironmentNeeds needs_for(Migration& migration) {
  std::vector<std::uintmax_t> sizes;
  for (const Slot& slot : migration.slots) {
    std::error_code unreadable;  // the step "models" says so
    const auto size = std::filesystem::file_size(slot.path, unreadable);
    sizes.push_back(unreadable ? 0 : size);
  }
  EnvironmentNeeds needs = needs_of(sizes);
  needs.python = migration.options.python;
  needs.python_limit = answer_limit(migration.options.limit);
  needs.stop = migration.stop();
  return needs;
}

}  // namespace

StepOutcome environment(Migration& migration) {
  migration.tell(0, "looking at this machine");
  const Options& options = migration.options;
  Environment found = check_environment(migration.settings, needs_for(migration));
  auto& rows = migration.report.environment = std::move(found.rows);
  if (options.baseline == Baseline::pytorch && !found.python.usable())
    std::ranges::find(rows, "Python", &EnvironmentRow::name)->standing = EnvironmentRow::Standing::bad;

  Settings settings = migration.settings;
  if (options.validate_only) settings.store.clear();  // what a probe learns of a library stays in memory
  migration.choice = provision::choose_engine(settings, options.engine);
  const auto bad = std::ranges::find(rows, EnvironmentRow::Standing::bad, &EnvironmentRow::standing);
  if (bad != rows.end()) throw Error("environment.machine", complaint(rows) + ".", "To mend: " + bad->remedy + ".");

  StepOutcome outcome;
  const provision::EngineChoice& choice = *migration.choice;
  outcome.sentence = fmt::format("{} engine on {} ({}), {}", choice.builder->name(), to_string(choice.device), choice.device_name,
                                 to_string(choice.precision));
  if (!options.python.empty() && !found.python.usable()) {
    outcome.verdict = StepResult::Verdict::warning;
    outcome.sentence += "; there is no comparison with PyTorch: " + found.python.why;
  }
  return outcome;
}

}  // namespace peregrine::migrate::steps
