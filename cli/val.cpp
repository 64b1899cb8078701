#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/output_file.h"
#include "base/text.h"
#include "common.h"
#include "console.h"
#include "progress.h"
#include "validate/validation.h"

namespace peregrine::cli {

namespace {

struct Flags {
  validate::ValidationOptions options;
  std::string json;
};

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
  for (const auto& [metric, coco] : scores.coco)
    text += fmt::format("{}{} AP50 {:.3f}, AP {:.3f}", text.empty() ? "" : "; ", named(metric), coco.ap50, coco.ap);
  if (scores.retrieval) text = fmt::format("ReID rank-1 {:.3f}, mAP {:.3f}", scores.retrieval->rank1, scores.retrieval->map);
  return text;
}

int val(const CommonFlags& common, const Flags& flags) {
  const LoadedSettings loaded = start(common);
  catch_interrupt();
  validate::ValidationOptions options = flags.options;
  options.engine = common.engine;
  Progress progress("pictures", common.quiet);
  const auto scores =
      validate_models(loaded.settings, options, [&](std::size_t done, std::size_t total, const std::string& picture) {
        progress.update(done, total, picture);
        return !interrupted();
      });
  progress.clear();
  if (!flags.json.empty() && flags.json != "-") write_file(flags.json, to_json(scores) + "\n");
  if (flags.json == "-")
    fmt::print("{}\n", to_json(scores));
  else if (!common.quiet)
    for (const auto& own : scores) fmt::print("{}: {}\n", printable(own.model.name), summary(own));
  return 0;
}

}  // namespace

void add_val(CLI::App& app, CommonFlags& common, int& status) {
  CLI::App* command = app.add_subcommand("val", "Score models on annotated pictures: COCO's AP, ReID's rank-1");
  auto flags = std::make_shared<Flags>();
  add_common_flags(*command, common);
  command
      ->add_option("--model", flags->options.models, "checkpoint (.pt, .pth) or ONNX file; repeat to score several in one pass")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--data", flags->options.data,
                   "folder with val2017/ and annotations/ as COCO has them; for ReID with query/ and gallery/, pictures named "
                   "IDENTITY_NUMBER")
      ->required()
      ->type_name("DIR");
  add_setting_flag(*command, common, "--imgsz", "IMGSZ");
  add_setting_flag(*command, common, "--batch", "BATCH");
  command->add_option("--json", flags->json, "write the scores as JSON; - is standard output")->type_name("FILE");
  command->callback([&common, &status, flags] { status = val(common, *flags); });
}

}  // namespace peregrine::cli
