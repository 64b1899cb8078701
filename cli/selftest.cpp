#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <filesystem>

#include "common.h"
#include "console.h"
#include "core/text.h"
#include "peregrine/error.h"
#include "peregrine/version.h"
#include "tools/doctor/environment.h"
#include "tools/doctor/selftest.h"

namespace peregrine::cli {

namespace {

namespace fs = std::filesystem;

/// The demo models: beside where the command is used, or beside its own folder as checkout and bundle have
/// them.
std::string demo_folder() {
  std::error_code ignored;
  const fs::path own = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const fs::path& folder :
       {fs::path("models/demo"), own / "../source/models/demo", own / "../../models/demo"})
    if (fs::exists(folder / "scenes" / "val2017", ignored)) return folder.string();
  return {};
}

/// Prints checks as they come; what passed only where it is asked for.
class Tally {
 public:
  explicit Tally(bool quiet) : quiet_(quiet) {}

  void add(const doctor::SelftestCheck& check) {
    ++checks_;
    if (check.failure.empty()) {
      if (!quiet_)
        fmt::print("OK      {}{}\n", check.name,
                   check.note.empty() ? "" : fmt::format(" ({})", printable(check.note)));
      return;
    }
    ++failures_;
    fmt::print("FAILED  {}: {}\n", check.name, printable(check.failure));
  }

  /// Exit status of the command.
  int finish() const {
    fmt::print("{} of {} checks passed\n", checks_ - failures_, checks_);
    return failures_ == 0 ? 0 : exit_status("validation");
  }

 private:
  bool quiet_;
  int checks_ = 0, failures_ = 0;
};

int selftest(const CommonFlags& common, bool policy) {
  const LoadedSettings loaded = start(common);
  catch_interrupt();
  Tally tally(common.quiet);
  if (policy) {
    for (const doctor::SelftestCheck& check : doctor::provoke_enforcement()) tally.add(check);
    return tally.finish();
  }
  if (!common.quiet) {  // whoever reads the report must know the machine
    const auto environment = doctor::check_environment(loaded.settings, doctor::needs_of({}));
    fmt::print("peregrine {}\n{}\n", version, doctor::to_text(environment.rows));
  }
  const std::string demo = demo_folder();
  doctor::check_engine(loaded.settings, common.engine, demo, [&](const doctor::SelftestCheck& check) {
    tally.add(check);
    return !interrupted();
  });
  if (interrupted()) throw Error("interrupted", "Interrupted before all checks were done.");
  if (demo.empty() && !common.quiet)
    fmt::print("models/demo was not found: operators were checked, whole models were not\n");
  return tally.finish();
}

}  // namespace

void add_selftest(CLI::App& app, CommonFlags& common, int& status) {
  CLI::App* command =
      app.add_subcommand("selftest", "Check an engine's arithmetic on this machine, or the GPU-only policy");
  add_common_flags(*command, common);
  auto policy = std::make_shared<bool>(false);
  command->add_flag("--guard", *policy,
                    "provoke each enforcement of FORCE_GPU_ONLY instead; needs no device");
  command->callback([&common, &status, policy] { status = selftest(common, *policy); });
}

}  // namespace peregrine::cli
