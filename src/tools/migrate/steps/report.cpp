#include "core/os/output_file.h"
#include "core/text.h"
#include "tools/migrate/steps.h"

namespace peregrine::migrate::steps {

StepSummary report(Migration& migration) {
  const auto& page = migration.options.page;
  if (page.empty()) return {StepResult::Verdict::skipped, "no page was asked for (--report F.html)"};
  write_file(page, to_html(migration.report));
  return {StepResult::Verdict::passed, printable(page.native())};
}

}  // namespace peregrine::migrate::steps
