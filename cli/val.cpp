#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "command_files.h"
#include "common.h"
#include "console.h"
#include "core/text.h"
#include "engine_progress.h"
#include "json_output.h"
#include "progress.h"
#include "tools/validate/validation.h"

namespace peregrine::cli {

namespace {

struct Flags {
  validate::ValidationOptions options;
  std::string json;
};

std::string average(double value) { return value < 0 ? "not measured" : fmt::format("{:.3f}", value); }

/// "box AP50 0.983, AP 0.806; keypoint AP50 0.812, AP 0.317".
std::string summary(const validate::ModelScores& scores) {
  const auto named = [](validate::Metric metric) {
    switch (metric) {
      case validate::Metric::segm: return "mask";
      case validate::Metric::keypoints: return "keypoint";
      default: return "box";
    }
  };
  std::string text;
  for (std::size_t i = 0; i < scores.coco.size(); ++i) {
    const auto& [metric, coco] = scores.coco[i];
    text += fmt::format("{}{} AP50 {}, AP {}", text.empty() ? "" : "; ", named(metric), average(coco.ap50),
                        average(coco.ap));
    if (i < scores.matched.size())
      text += fmt::format(" ({} without categories that the model does not have)",
                          average(scores.matched[i].ap));
  }
  if (scores.retrieval)
    text = fmt::format("ReID rank-1 {:.3f}, mAP {:.3f}", scores.retrieval->rank1, scores.retrieval->map);
  return text;
}

int run_val(const CommonFlags& common, const Flags& flags, OutputGuard& guard) {
  const LoadedSettings loaded = start(common);
  add_settings(guard, loaded.settings);
  guard.check();
  catch_interrupt();
  validate::ValidationOptions options = flags.options;
  options.engine = common.engine;
  EngineProgress engines(common.quiet || common.log_json);
  options.progress = engines.callback();
  Progress progress("images", common.quiet);
  const auto scores = validate_models(loaded.settings, options,
                                      [&](std::size_t done, std::size_t total, const std::string& image) {
                                        engines.clear();
                                        progress.update(done, total, image);
                                        return !interrupted();
                                      });
  progress.clear();
  if (!flags.json.empty()) write_json(flags.json, to_json(scores) + "\n");
  if (flags.json != "-" && !common.quiet)
    for (const auto& own : scores) fmt::print("{}: {}\n", printable(own.model.name), summary(own));
  return 0;
}

int val(const CommonFlags& common, const Flags& flags) {
  OutputGuard guard = guard_of(common);
  add_models(guard, flags.options.models);
  add_data_set(guard, flags.options.data);
  guard.writes(flags.json, "--json");
  guard.check();
  return with_json_errors(flags.json, [&] { return run_val(common, flags, guard); });
}

}  // namespace

void add_val(CLI::App& app, CommonFlags& common, int& status) {
  CLI::App* command = app.add_subcommand("val", "Score models on annotated images: COCO's AP, ReID's rank-1");
  auto flags = std::make_shared<Flags>();
  add_common_flags(*command, common);
  command
      ->add_option("--model", flags->options.models,
                   "checkpoint (.pt, .pth) or ONNX file; repeat to score several in one pass")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--data", flags->options.data,
                   "folder with val2017/ and annotations/ as COCO has them; for ReID with query/ and "
                   "gallery/, images named "
                   "IDENTITY_NUMBER")
      ->required()
      ->type_name("DIR");
  add_setting_flag(*command, common, "--imgsz", "IMGSZ");
  add_setting_flag(*command, common, "--batch", "BATCH");
  command->add_option("--json", flags->json, "write the scores as JSON; - is standard output")
      ->type_name("FILE");
  command->callback([&common, &status, flags] { status = val(common, *flags); });
}

}  // namespace peregrine::cli
