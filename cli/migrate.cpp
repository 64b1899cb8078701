// `peregrine migrate`: a pipeline's models deployed as engines, proven and reversible.
#include "peregrine/migrate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "choice.h"
#include "command_files.h"
#include "common.h"
#include "console.h"
#include "core/task/task_traits.h"
#include "core/text.h"
#include "json_output.h"
#include "progress.h"
#include "stages/source/source.h"

namespace peregrine::cli {

namespace {

namespace fs = std::filesystem;

struct Flags {
  migrate::Options options;
  std::vector<std::string> images;
  double limit_seconds = 600;
  std::string json;
  bool yes = false, list = false;
  int rollback = 0;  ///< 0: the newest
};

/// Steps as they come: a bar or lines while one runs, a line with its verdict behind it.
class Display {
 public:
  Display(bool quiet, bool to_stderr)
      : quiet_(quiet), out_(to_stderr ? stderr : stdout), progress_("%", quiet) {}

  bool running(const migrate::Progress& at) {
    at_ = at;
    progress_.update(static_cast<std::size_t>(at.share * 100), 100, fmt::format("{}: {}", at.step, at.doing));
    return !interrupted();
  }

  void finished(const migrate::StepResult& step) {
    progress_.clear();
    progress_.restart();
    ++number_;
    if (!quiet_ || step.verdict == migrate::StepResult::Verdict::failed)
      fmt::print(out_, "[{}/{}] {:<16} {:<12} {}{}\n", number_, at_.steps, step.name, to_string(step.verdict),
                 printable(step.sentence),
                 step.seconds >= 0.1 ? fmt::format(" ({:.1f} s)", step.seconds) : "");
    std::fflush(out_);
  }

 private:
  bool quiet_;
  std::FILE* out_;
  Progress progress_;
  migrate::Progress at_;
  int number_ = 0;
};

/// Asked only where somebody can answer.
bool confirm(const migrate::Report& report) {
  fmt::print(stderr, "{} models are ready. Deploy them? [y/N] ", report.models.size());
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

/// The settings file in use, which the backup keeps.
fs::path config_of(const CommonFlags& common) {
  if (common.config) return fs::absolute(*common.config);
  return fs::exists("peregrine.toml") ? fs::absolute("peregrine.toml") : fs::path();
}

int run_migration(const CommonFlags& common, const Flags& flags, const LoadedSettings& loaded) {
  catch_interrupt();
  migrate::Options options = flags.options;
  options.engine = common.engine;
  options.config = config_of(common);
  options.images = source::image_files(flags.images);
  options.limit = std::chrono::milliseconds(static_cast<std::int64_t>(flags.limit_seconds * 1000));
  options.executable = fs::read_symlink("/proc/self/exe");
  Display display(common.quiet, flags.json == "-");
  options.progress = [&](const migrate::Progress& at) { return display.running(at); };
  options.finished = [&](const migrate::StepResult& step) { display.finished(step); };
  if (!flags.yes && isatty(STDIN_FILENO) == 1) options.confirm = confirm;
  const migrate::Report report = Migrator(loaded.settings, options).run();
  if (!flags.json.empty()) write_json(flags.json, to_json(report) + "\n");
  if (flags.json != "-" && (!common.quiet || !report.good())) fmt::print("{}\n", printable(report.verdict));
  return report.exit_status();
}

int migrate_models(const CommonFlags& common, const Flags& flags) {
  const LoadedSettings loaded = start(common);  // they name the models: before them nothing may be written
  const Settings& settings = loaded.settings;
  OutputGuard guard = guard_of(common);
  for (const TaskTraits& traits : all_tasks())
    if (traits.setting) guard.reads(settings.*traits.setting, "the model");
  add_sources(guard, flags.images);
  add_data_set(guard, flags.options.data);
  guard.reads(flags.options.python, "the Python");
  add_settings(guard, settings);
  guard.writes(flags.options.page, "--report");
  guard.writes(flags.json, "--json");
  guard.check();
  return with_json_errors(flags.json, [&] { return run_migration(common, flags, loaded); });
}

int list_backups(const CommonFlags& common) {
  const auto backups = Migrator(start(common).settings).backups();
  if (backups.empty()) fmt::print("no backups yet: a migration makes one before it changes anything\n");
  for (const migrate::BackupSummary& backup : backups) {
    fmt::print("backup {}  {}\n", backup.id, backup.damage.empty() ? backup.date : printable(backup.damage));
    if (backup.damage.empty() && backup.service.empty()) fmt::print("  nothing was deployed\n");
    for (const std::string& line : backup.service) fmt::print("  {}\n", line);
    for (const std::string& line : backup.models) fmt::print("  model of {}\n", line);
  }
  return 0;
}

int roll_back(const CommonFlags& common, int id) {
  const LoadedSettings loaded = start(common);
  for (const std::string& line : Migrator(loaded.settings).roll_back(id == 0 ? std::optional<int>() : id))
    if (!common.quiet) fmt::print("{}\n", printable(line));
  return 0;
}

}  // namespace

void add_migrate(CLI::App& app, CommonFlags& common, int& status) {
  CLI::App* command = app.add_subcommand(
      "migrate", "Move a PyTorch pipeline's models to engines: checked, built, validated, deployed");
  auto flags = std::make_shared<Flags>();
  add_common_flags(*command, common);
  for (const TaskTraits& traits : all_tasks())
    if (traits.setting)
      add_setting_flag(*command, common, std::string("--") + traits.name,
                       std::string("models.") + traits.name);
  add_setting_flag(*command, common, "--imgsz", "IMGSZ");
  add_setting_flag(*command, common, "--batch", "BATCH");
  migrate::Options& options = flags->options;
  auto* validate =
      command->add_flag("--validate-only", options.validate_only,
                        "check environment, models and the engines there are; changes nothing on the disk");
  command
      ->add_flag("--force-rebuild", options.force_rebuild,
                 "build all engines again; the old ones stay until the new ones are validated")
      ->excludes(validate);
  command->add_flag("--unverified", options.unverified, "deploy engines although they deviated from FP32")
      ->excludes(validate);
  command
      ->add_option("--images", flags->images,
                   "images to validate and compare on; otherwise the built-in sample images")
      ->type_name("DIR");
  command
      ->add_option("--data", options.data,
                   "COCO's layout, val2017/ and annotations/: average precision before and after")
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR");
  add_choice<migrate::Baseline>(
      *command, "--baseline", options.baseline,
      {{"auto", migrate::Baseline::automatic},
       {"pytorch", migrate::Baseline::pytorch},
       {"fp32", migrate::Baseline::fp32},
       {"none", migrate::Baseline::none}},
      "what speed is compared with: PyTorch (auto: where it runs) or the FP32 engine");
  command->add_option("--python", options.python, "the Python of your PyTorch pipeline")->type_name("PATH");
  command->add_option("--time-limit", flags->limit_seconds, "for each run of your Python, in seconds (600)")
      ->check(CLI::PositiveNumber)
      ->type_name("SECONDS");
  command->add_option("--report", options.page, "write the report as one HTML page")->type_name("FILE");
  command->add_option("--json", flags->json, "write the report as JSON; - is standard output")
      ->type_name("FILE");
  command->add_flag("--yes,-y", flags->yes,
                    "do not ask before the engines are deployed (asked on a terminal only)");
  auto* rollback = command
                       ->add_option("--rollback", flags->rollback,
                                    "put back what was there before a migration (the newest)")
                       ->expected(0, 1)
                       ->type_name("[ID]");
  command->add_flag("--list-backups", flags->list, "what can be put back")->excludes(rollback);
  command->callback([&common, &status, flags, rollback] {
    if (rollback->count() > 0)
      status = roll_back(common, flags->rollback);
    else
      status = flags->list ? list_backups(common) : migrate_models(common, *flags);
  });
}

}  // namespace peregrine::cli
