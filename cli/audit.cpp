#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "command_files.h"
#include "common.h"
#include "console.h"
#include "core/text.h"
#include "engine_progress.h"
#include "json_output.h"
#include "peregrine/error.h"
#include "tools/audit/audit.h"

namespace peregrine::cli {

namespace {

struct Flags {
  PipelineOptions options;
  std::vector<std::string> sources;
  std::string json;
};

std::string transfers(const std::vector<NamedBytes>& list) {
  std::string text;
  for (const NamedBytes& transfer : list)
    text += fmt::format("{}{} {} bytes", text.empty() ? "" : ", ", transfer.name, transfer.bytes);
  return text.empty() ? "nothing" : text;
}

/// "2 copies of 137419 bytes to the device (jpeg)".
std::string describe(const audit::CopySum& sum) {
  return fmt::format("{} {} of {} bytes {}{}", sum.copies, sum.copies == 1 ? "copy" : "copies", sum.bytes,
                     to_string(sum.kind),
                     sum.range.empty() ? "" : fmt::format(" ({})", printable(sum.range)));
}

void print(const audit::Activity& activity) {
  fmt::print(
      "{} counted meanwhile, in the whole process: {} kernels ({} in graphs, {} for jpeg), {} memsets\n",
      printable(activity.library), activity.launches(), activity.launches_in_graphs(),
      activity.launches_in("jpeg"), activity.memsets);
  for (const audit::CopySum& sum : audit::sum_up(activity.copies)) fmt::print("  {}\n", describe(sum));
}

void print(const audit::AuditReport& report, bool quiet) {
  for (const audit::FrameAudit& frame : report.frames) {
    if (!quiet)
      fmt::print("{}{}: to the device: {}{}; to the host: {}\n", printable(frame.path),
                 frame.frame >= 0 ? fmt::format(" frame {}", frame.frame) : "",
                 transfers(frame.host_to_device), frame.host_decoded ? " (host-decoded)" : "",
                 transfers(frame.device_to_host));
    for (const std::string& violation : frame.violations)
      fmt::print("VIOLATION  {}: {}\n", printable(frame.path), violation);
  }
  if (report.activity && !quiet) print(*report.activity);
  if (!report.activity_missing.empty())
    fmt::print("Not counted: the process's copies and kernels, because {}\n",
               printable(report.activity_missing));
  for (const std::string& violation : report.violations) fmt::print("VIOLATION  {}\n", printable(violation));
  fmt::print("{} on {}: {}\n", report.info.engine, report.info.device,
             !report.passed()  ? "failed"
             : report.activity ? "passed, nothing crossed but input and results"
                               : "passed, by the transfer log alone nothing crossed but input and results");
}

int run_audit(const CommonFlags& common, Flags flags, OutputGuard& guard) {
  const LoadedSettings loaded = start(common);
  add_settings(guard, loaded.settings);
  guard.check();
  catch_interrupt();
  flags.options.engine = common.engine;
  EngineProgress engines(common.quiet || common.log_json);
  flags.options.progress = engines.callback();
  const audit::AuditReport report = audit::run(loaded.settings, flags.options, flags.sources, interrupted);
  engines.clear();
  if (interrupted()) throw Error("interrupted", "Interrupted before all images were judged.");
  if (!flags.json.empty()) write_json(flags.json, audit::to_json(report) + "\n");
  if (flags.json != "-") print(report, common.quiet);
  return report.passed() ? 0 : exit_status("validation");
}

int audit_models(const CommonFlags& common, const Flags& flags) {
  OutputGuard guard = guard_of(common);
  add_models(guard, flags.options.models);
  if (flags.options.reid) add_models(guard, {*flags.options.reid});
  add_sources(guard, flags.sources);
  guard.writes(flags.json, "--json");
  guard.check();
  return with_json_errors(flags.json, [&] { return run_audit(common, flags, guard); });
}

}  // namespace

void add_audit(CLI::App& app, CommonFlags& common, int& status) {
  CLI::App* command =
      app.add_subcommand("audit", "Evaluate every transfer between host and GPU, image by image");
  auto flags = std::make_shared<Flags>();
  add_common_flags(*command, common);
  command
      ->add_option("--model", flags->options.models,
                   "checkpoint (.pt) or ONNX file; repeat to run several side by side")
      ->required()
      ->type_name("FILE");
  command->add_option("--reid", flags->options.reid, "OSNet checkpoint: persons get embeddings")
      ->type_name("FILE");
  command
      ->add_option("--source", flags->sources,
                   "images, folders, globs or videos; each is run once to warm up")
      ->required()
      ->type_name("PATH");
  add_setting_flag(*command, common, "--imgsz", "IMGSZ");
  add_setting_flag(*command, common, "--batch", "BATCH");
  command->add_option("--json", flags->json, "write the report as JSON; - is standard output")
      ->type_name("FILE");
  command->callback([&common, &status, flags] { status = audit_models(common, *flags); });
}

}  // namespace peregrine::cli
