// `peregrine explain A B --image I`: where two engines part.
#include "tools/compare/explain.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "command_files.h"
#include "common.h"
#include "core/text.h"
#include "engine_progress.h"
#include "json_output.h"

namespace peregrine::cli {

namespace {

struct Flags {
  std::string a, b, image, json;
  bool all = false;
};

std::string title(const compare::ComparedStep& step) {
  return step.name.empty() ? step.stage : step.stage + " " + printable(step.name);
}

void print(const compare::ExplainReport& report, bool all) {
  fmt::print("A: {}\nB: {}\n", report.a, report.b);
  const compare::ComparedStep* first = report.first_mismatch();
  std::size_t hidden = 0;
  for (const compare::ComparedStep& step : report.steps)
    if (all || step.stage != "layer" || &step == first || &step == report.first_difference())
      fmt::print("{:<9}{}: {}\n", step.deviates ? "DEPARTS" : "", title(step), step.what);
    else
      ++hidden;
  if (hidden > 0) fmt::print("         ({} more layers: --all)\n", hidden);
  for (const std::string& mismatch : report.mismatches) fmt::print("  {}\n", mismatch);
  for (const std::string& note : report.notes) fmt::print("note: {}\n", note);
  if (const compare::ComparedStep* different = report.first_difference())
    fmt::print("The numbers part first at {}.\n", title(*different));
  else
    fmt::print("Layers and heads are equal in every bit.\n");
  fmt::print("{}\n", first ? fmt::format("First step that deviates: {}: {}", title(*first), first->what)
                           : "No step deviates by more than its limit.");
}

int run_explain(const CommonFlags& common, const Flags& flags, OutputGuard& guard) {
  const LoadedSettings loaded = start(common);
  add_settings(guard, loaded.settings);
  guard.check();
  EngineProgress engines(common.quiet || common.log_json);
  const compare::ExplainReport report =
      compare::run(loaded.settings, flags.a, flags.b, flags.image, engines.callback());
  engines.clear();
  if (!flags.json.empty()) write_json(flags.json, compare::to_json(report) + "\n");
  if (flags.json != "-") print(report, flags.all);
  return 0;
}

int explain_parting(const CommonFlags& common, const Flags& flags) {
  OutputGuard guard = guard_of(common);
  for (const std::string& side : {flags.a, flags.b})  // MODEL, or MODEL@ENGINE
    add_models(guard, {side, side.substr(0, side.rfind('@'))});
  guard.reads(flags.image, "the image");
  guard.writes(flags.json, "--json");
  guard.check();
  return with_json_errors(flags.json, [&] { return run_explain(common, flags, guard); });
}

}  // namespace

void add_explain(CLI::App& app, CommonFlags& common, int& status) {
  CLI::App* command = app.add_subcommand(
      "explain", "Show where two engines, precisions or models part on an image, step by step");
  auto flags = std::make_shared<Flags>();
  add_common_flags(*command, common);
  command->add_option("A", flags->a, "MODEL[@ENGINE[:PRECISION]] or an engine's id: the one to judge by")
      ->required();
  command->add_option("B", flags->b, "the same, beside it")->required();
  command->add_option("--image", flags->image, "image to run")->required()->type_name("FILE");
  add_setting_flag(*command, common, "--imgsz", "IMGSZ");
  add_setting_flag(*command, common, "--conf", "MODEL_CONFIDENCE_THRESHOLD");
  command->add_option("--json", flags->json, "write every step as JSON; - is standard output")
      ->type_name("FILE");
  command->add_flag("--all", flags->all, "print every layer");
  command->callback([&common, &status, flags] { status = explain_parting(common, *flags); });
}

}  // namespace peregrine::cli
