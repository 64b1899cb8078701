#include "base/output_file.h"
#include "base/text.h"
#include "migrate/steps.h"

namespace peregrine::migrate::steps {

StepOutcome report(Migration& migration) {
  const auto& page = migration.options.page;
  if (page.empty()) return {StepResult::Verdict::skipped, "no page was asked for (--report F.html)"};
  write_file(page, to_html(migration.report));
  return {StepResult::Verdict::passed, printable(page.native())};
}

}  // namespace peregrine::migrate::steps
