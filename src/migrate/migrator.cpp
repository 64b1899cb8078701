#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <span>

#include "base/crash_point.h"
#include "base/memory_error.h"
#include "base/text.h"
#include "migrate/backup.h"
#include "migrate/commands.h"
#include "migrate/steps.h"
#include "peregrine/error.h"

namespace peregrine {

namespace migrate {

namespace {

using Verdict = StepResult::Verdict;

struct Step {
  const char* name;
  StepOutcome (*run)(Migration& migration);
};

constexpr std::array migrating{Step{"environment", steps::environment},
                               Step{"models", steps::models},
                               Step{"backup", steps::backup},
                               Step{"export", steps::export_models},
                               Step{"build", steps::build},
                               Step{"validate", steps::validate},
                               Step{"compare", steps::compare},
                               Step{"final inference", steps::final_inference},
                               Step{"switch", steps::switch_over},
                               Step{"report", steps::report}};
constexpr std::array validating{Step{"environment", steps::environment}, Step{"models", steps::models},
                                Step{"engines", steps::existing_engines}, Step{"report", steps::report}};

class Run {
 public:
  Run(const Settings& settings, const Options& options) : migration_(settings, options) {}

  Report all(std::span<const Step> steps) {
    migration_.place.steps = static_cast<int>(steps.size());
    for (const Step& step : steps.first(steps.size() - 1)) one(step);
    Report& report = migration_.report;
    if (report.good()) end_rebuild();
    if (report.good()) report.verdict = migration_.options.validate_only ? "Nothing stands in the way." : verdict_of_success();
    report.commands = commands_of(migration_);
    one(steps.back());  // the page is written of a failure too
    return std::move(report);
  }

 private:
  std::string verdict_of_success() const {
    const Report& report = migration_.report;
    return fmt::format("Migrated: {} models are in service (generation {}).", report.models.size(), report.generation);
  }

  void one(const Step& step) {
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

  void attempt(const Step& step, bool last, StepResult& result) {
    try {
      if (!last) lock_before(step);
      StepOutcome outcome = step.run(migration_);
      remember();
      result.verdict = outcome.verdict;
      result.sentence = std::move(outcome.sentence);
    } catch (const Error& error) {
      if (error.code().starts_with("interrupted") || error.code() == "store.busy") {
        remember();
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
  void lock_before(const Step& step) {
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
    throw Error("usage.report", fmt::format("There is no folder {} for the page.", printable(folder.native())),
                "Make it, or name another place with --report.");
}

}  // namespace

int Report::exit_status() const noexcept { return good() ? 0 : peregrine::exit_status(error_code); }

}  // namespace migrate

Migrator::Migrator(Settings settings, migrate::Options options) : settings_(std::move(settings)), options_(std::move(options)) {}

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
      summary.models.push_back(fmt::format("{}: {}", to_string(model.role), printable(model.path.native())));
    for (const auto& [role, service] : listing.backup->generation.roles)
      summary.service.push_back(fmt::format("{}: engine {}", to_string(role), service.engine));
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
  std::vector<std::string> sentences{fmt::format("Backup {} of {} is in service again, as generation {}: {} roles.",
                                                 restored.backup.id, restored.backup.date, restored.generation.number,
                                                 restored.generation.roles.size())};
  for (const std::string& engine : restored.engines) sentences.push_back(fmt::format("Engine {} came back.", engine));
  sentences.insert(sentences.end(), restored.sentences.begin(), restored.sentences.end());
  return sentences;
}

}  // namespace peregrine
