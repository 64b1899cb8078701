// The command. Every error of the library is caught here, once.
#include <CLI/CLI.hpp>

#include "common.h"
#include "console.h"
#include "failure.h"
#include "peregrine/error.h"
#include "peregrine/version.h"

namespace {

int run(int argc, char** argv) {
  using namespace peregrine;
  CLI::App app(
      "YOLO detection, pose, segmentation and person ReID on one NVIDIA GPU in FP16, from a .pt or ONNX "
      "file, without Python.",
      "peregrine");
  app.set_version_flag("--version", version);
  app.require_subcommand(1);
  app.footer(
      "peregrine COMMAND --help tells a command's flags.\nExit status: 0 done, 1 inputs or validation "
      "failed, 2 wrong usage, "
      "3 environment, model or enforcement, 130 interrupted.");
  cli::CommonFlags common;
  int status = 0;
  for (const cli::AddCommand add :
       {cli::add_predict, cli::add_build, cli::add_engines, cli::add_export, cli::add_val, cli::add_bench,
        cli::add_audit, cli::add_explain, cli::add_migrate, cli::add_selftest, cli::add_config,
        cli::add_doctor, cli::add_completion})
    add(app, common, status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_status("usage");
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace peregrine;
  cli::guard_standard_streams();
  int status = 0;
  try {
    status = run(argc, argv);
    cli::flush_standard_output();
  } catch (...) {
    const Error error = cli::current_error();
    cli::report(error);
    if (status == 0) status = exit_status(error.code());
  }
  return status;
}
