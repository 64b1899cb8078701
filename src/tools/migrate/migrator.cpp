#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <span>

#include "core/memory_error.h"
#include "core/os/crash_point.h"
#include "core/text.h"
#include "peregrine/error.h"
#include "tools/migrate/commands.h"
#include "tools/migrate/rollback/backup.h"
#include "tools/migrate/steps.h"

namespace peregrine {

namespace migrate {

namespace {

using Verdict = StepResult::Verdict;

struct MigrationStep {
  const char* name;
  StepSummary (*run)(Migration& migration);
};

constexpr std::array migrating{MigrationStep{"environment", steps::environment},
                               MigrationStep{"models", steps::models},
                               MigrationStep{"backup", steps::backup},
                               MigrationStep{"export", steps::export_models},
                               MigrationStep{"build", steps::build},
                               MigrationStep{"validate", steps::validate},
                               MigrationStep{"compare", steps::compare},
                               MigrationStep{"final inference", steps::final_inference},
                               MigrationStep{"switch", steps::switch_over},
                               MigrationStep{"report", steps::report}};
constexpr std::array validating{
    MigrationStep{"environment", steps::environment}, MigrationStep{"models", steps::models},
    MigrationStep{"engines", steps::existing_engines}, MigrationStep{"report", steps::report}};

class Run {
 public:
  Run(const Settings& settings, const Options& options) : migration_(settings, options) {}

  Report all(std::span<const MigrationStep> steps) {
    migration_.place.steps = static_cast<int>(steps.size());
    for (const MigrationStep& step : steps.first(steps.size() - 1)) one(step);
    Report& report = migration_.report;
    if (report.good()) end_rebuild();
    if (report.good())
      report.verdict = migration_.options.validate_only ? "Nothing stands in the way." : verdict_of_success();
    report.commands = commands_of(migration_);
    one(steps.back());  // the page is written of a failure too
    return std::move(report);
  }

 private:
  std::string verdict_of_success() const {
    const Report& report = migration_.report;
    return fmt::format("Migrated: {} models are deployed (deployment {}).", report.models.size(),
                       report.deployment);
  }

  void one(const MigrationStep& step) {
    Report& report = migration_.report;
    ++migration_.place.number;
    migration_.place.step = step.name;
    StepResult result{step.name, Verdict::passed, {}, 0};
    const auto begin = std::chrono::steady_clock::now();
    crash_point("migrate.step");
    const bool last = migration_.place.number == migration_.place.steps;
    if (!report.good() && !last)
      result.verdict = Verdict::skipped;
    else
      attempt(step, last, result);
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    report.steps.push_back(result);
    if (migration_.options.finished) migration_.options.finished(result);
  }

  void attempt(const MigrationStep& step, bool last, StepResult& result) {
    try {
      if (!last) lock_before(step);
      StepSummary summary = step.run(migration_);
      remember();
      result.verdict = summary.verdict;
      result.sentence = std::move(summary.sentence);
    } catch (const Error& error) {
      if (error.code().starts_with("interrupted") || error.code() == "store.busy") {
        remember();
        if (error.code() == "interrupted.build" || error.code() == "interrupted.probe")
          throw migration_.interruption();
        throw;
      }
      fail(error.code(), error.what(), result);
    } catch (const std::exception& error) {
      const Error known = is_out_of_memory(error) ? out_of_memory() : Error("internal", error.what());
      fail(known.code(), known.what(), result);
    }
  }

  void fail(const std::string& code, const std::string& what, StepResult& result) {
    result.verdict = Verdict::failed;
    result.sentence = what;
    Report& report = migration_.report;
    if (!report.good()) return;
    report.error_code = code;
    report.verdict = report.verdict.empty() ? what : report.verdict + " But its page is missing: " + what;
  }

  /// Environment and models only look; from there on nobody else may migrate this store.
  void lock_before(const MigrationStep& step) {
    if (migration_.options.validate_only || migration_.lock || step.run == steps::environment) return;
    migration_.lock.emplace(migration_.store);
    migration_.journal = written_ = read_journal(journal_file());
    begin_rebuild();
  }

  void begin_rebuild() {
    if (!migration_.options.force_rebuild) return end_rebuild();
    if (migration_.journal.rebuild.empty()) migration_.journal.rebuild = store::utc_now();
    remember();
  }

  void end_rebuild() {
    migration_.journal.rebuild.clear();
    migration_.journal.backup = 0;
    remember();
  }

  std::filesystem::path journal_file() const { return migration_.store.root() / "migration.json"; }

  /// What has been done, onto the disk.
  void remember() {
    if (!migration_.lock || migration_.journal == written_) return;
    write_journal(journal_file(), migration_.journal);
    written_ = migration_.journal;
  }

  Migration migration_;
  Journal written_;
};

/// Asked at once: not to find it out behind ten minutes of work.
void require_folder_of(const std::filesystem::path& page) {
  const auto folder = std::filesystem::absolute(page).parent_path();
  if (!std::filesystem::is_directory(folder))
    throw Error("usage.report",
                fmt::format("There is no folder {} for the page.", printable(folder.native())),
                "Make it, or name another place with --report.");
}

}  // namespace

int Report::exit_status() const noexcept { return good() ? 0 : peregrine::exit_status(error_code); }

}  // namespace migrate

Migrator::Migrator(Settings settings, migrate::Options options)
    : settings_(std::move(settings)), options_(std::move(options)) {}

migrate::Report Migrator::run() {
  if (!options_.page.empty()) migrate::require_folder_of(options_.page);
  migrate::Run run(settings_, options_);
  return options_.validate_only ? run.all(migrate::validating) : run.all(migrate::migrating);
}

std::vector<migrate::BackupSummary> Migrator::backups() const {
  std::vector<migrate::BackupSummary> all;
  for (const migrate::BackupListing& listing : migrate::list_backups(store::Store(settings_.store))) {
    migrate::BackupSummary& summary = all.emplace_back();
    summary.id = listing.id;
    summary.damage = listing.damage;
    if (!listing.backup) continue;
    summary.date = listing.backup->date;
    for (const migrate::ModelFile& model : listing.backup->models)
      summary.models.push_back(
          fmt::format("{}: {}", to_string(model.task_slot), printable(model.path.native())));
    for (const auto& [task_slot, service] : listing.backup->deployment.task_slots)
      summary.service.push_back(fmt::format("{}: engine {}", to_string(task_slot), service.engine));
  }
  std::ranges::reverse(all);
  return all;
}

std::vector<std::string> Migrator::roll_back(std::optional<int> id) {
  store::Store store(settings_.store);
  if (!std::filesystem::exists(store.root()))
    throw Error("store.backup", fmt::format("There is no store {}.", printable(store.root().native())),
                "Name the one that was migrated with --store.");
  const migrate::Restored restored = migrate::restore_backup(store, migrate::Lock(store), id);
  std::vector<std::string> sentences{
      fmt::format("Backup {} of {} is deployed again, as deployment {}: {} task slots.", restored.backup.id,
                  restored.backup.date, restored.deployment.number, restored.deployment.task_slots.size())};
  for (const std::string& engine : restored.engines)
    sentences.push_back(fmt::format("Engine {} came back.", engine));
  sentences.insert(sentences.end(), restored.sentences.begin(), restored.sentences.end());
  return sentences;
}

}  // namespace peregrine
