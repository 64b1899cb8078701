#include <fmt/format.h>

#include "migrate/speed.h"
#include "migrate/steps.h"

namespace peregrine::migrate::steps {

StepOutcome compare(Migration& migration) {
  std::size_t departed = 0;
  for (const MigratedModel& model : migration.report.models) departed += model.departures.size();
  return {StepResult::Verdict::passed, fmt::format("{} objects depart from the FP32 reference", departed)};
}

}  // namespace peregrine::migrate::steps
