#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>

#include "base/output_file.h"
#include "common.h"
#include "console.h"
#include "peregrine/pipeline.h"
#include "pipeline/result_json.h"
#include "progress.h"
#include "render/render.h"

namespace peregrine::cli {

namespace fs = std::filesystem;

namespace {

struct Flags {
  PipelineOptions options;
  std::vector<std::string> sources;
  std::string json, save;
};

/// "3 person, 1 bus", most frequent first come first.
std::string summary(const ImageResult& result, const std::vector<ModelInfo>& models) {
  std::map<std::string, int> counts;
  for (const Object& object : result.objects) {
    const auto& names = models[static_cast<std::size_t>(object.model)].class_names;
    const auto index = static_cast<std::size_t>(object.class_id);
    ++counts[index < names.size() ? names[index] : fmt::format("class {}", object.class_id)];
  }
  std::string text;
  for (const auto& [name, count] : counts) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
  return text.empty() ? "nothing found" : text;
}

/// Where the annotated picture of a source goes; pictures of one name in several folders don't overwrite each other.
class SaveNames {
 public:
  explicit SaveNames(fs::path folder) : folder_(std::move(folder)) {}
  fs::path next(const fs::path& source) {
    const int seen = ++seen_[source.stem().string()];
    const std::string suffix = seen > 1 ? fmt::format("_{}", seen) : "";
    const bool png = source.extension() == ".png" || source.extension() == ".PNG";
    return folder_ / (source.stem().string() + suffix + (png ? ".png" : ".jpg"));
  }

 private:
  fs::path folder_;
  std::map<std::string, int> seen_;
};

/// Takes outcomes as they come; writes pictures at once and the JSON at the end.
class Collector {
 public:
  Collector(const Pipeline& pipeline, const Flags& flags, bool quiet)
      : pipeline_(pipeline), flags_(flags), save_names_(flags.save), progress_("images", quiet), quiet_(quiet) {
    for (const ModelInfo& model : pipeline.models()) class_names_.push_back(model.class_names);
    if (!flags.save.empty()) create_folder(flags.save);
  }

  bool take(const Outcome& outcome) {
    if (outcome.error) fail(outcome.path, *outcome.error);
    if (outcome.result) keep(outcome);
    return !interrupted();
  }

  /// Exit status of the command.
  int finish() {
    progress_.clear();
    if (interrupted()) throw Error("interrupted", "Interrupted; no JSON was written.");
    if (!flags_.json.empty() && (!results_.empty() || flags_.json == "-"))
      write_json(pipeline::to_json(pipeline_.info(), pipeline_.models(), results_, errors_) + "\n");
    return errors_.empty() ? 0 : exit_status("image");
  }

 private:
  void write_json(const std::string& text) const {
    if (flags_.json == "-")
      fmt::print("{}", text);
    else
      write_file(flags_.json, text);
  }

  static void create_folder(const fs::path& folder) {
    std::error_code failure;
    fs::create_directories(folder, failure);
    if (failure)
      throw Error("output.write", fmt::format("The folder {} cannot be made: {}.", folder.string(), failure.message()),
                  "Choose a folder that you may write to with --save.");
  }

  void fail(const std::string& path, const Error& error) {
    progress_.clear();
    report(error);
    errors_.emplace_back(path, error);
  }

  void keep(const Outcome& outcome) {
    try {
      if (!flags_.save.empty() && outcome.image)
        render::save(render::draw(outcome.image->view(), outcome.result->objects, class_names_), save_names_.next(outcome.path));
    } catch (const Error& error) {
      return fail(outcome.path, error);
    }
    if (flags_.json.empty() && !quiet_) {
      progress_.clear();
      const StageTimes& time = outcome.result->time_ms;
      fmt::print("{}: {} ({:.1f} ms)\n", outcome.path, summary(*outcome.result, pipeline_.models()),
                 time.decode + time.preprocess + time.inference + time.postprocess);
    }
    results_.push_back(*outcome.result);
    if (outcome.total > 1) progress_.update(outcome.index + 1, outcome.total, outcome.path);
  }

  const Pipeline& pipeline_;
  const Flags& flags_;
  SaveNames save_names_;
  Progress progress_;
  bool quiet_;
  std::vector<std::vector<std::string>> class_names_;
  std::vector<ImageResult> results_;
  std::vector<std::pair<std::string, Error>> errors_;
};

int predict(const CommonFlags& common, Flags flags) {
  const LoadedSettings loaded = start(common);
  catch_interrupt();
  flags.options.engine = common.engine;
  flags.options.keep_pixels = !flags.save.empty();
  Pipeline pipeline(loaded.settings, flags.options);
  Collector collector(pipeline, flags, common.quiet);
  pipeline.run(flags.sources, [&](const Outcome& outcome) { return collector.take(outcome); });
  return collector.finish();
}

}  // namespace

void add_predict(CLI::App& app, CommonFlags& common, int& status) {
  CLI::App* command = app.add_subcommand("predict", "Find objects in images, folders and globs");
  auto flags = std::make_shared<Flags>();
  add_common_flags(*command, common);
  command->add_option("--model", flags->options.models, "checkpoint (.pt) or ONNX file; repeat to run several over each image")
      ->type_name("FILE");
  command->add_option("--reid", flags->options.reid, "OSNet checkpoint: adds an embedding to every person")->type_name("FILE");
  command->add_option("--source", flags->sources, "images, folders or globs")->required()->type_name("PATH");
  add_setting_flag(*command, common, "--conf", "MODEL_CONFIDENCE_THRESHOLD");
  add_setting_flag(*command, common, "--iou", "IOU");
  add_setting_flag(*command, common, "--imgsz", "IMGSZ");
  add_setting_flag(*command, common, "--max-det", "MAX_DET");
  add_setting_flag(*command, common, "--batch", "BATCH");
  command->add_option("--classes", flags->options.classes, "keep only these classes, by name or number")
      ->delimiter(',')
      ->type_name("LIST");
  command->add_flag("--rect", flags->options.rect,
                    "pad only to the next multiple of the stride: matches Ultralytics' default predict, one picture at a time");
  command->add_option("--json", flags->json, "write results as JSON; - is standard output")->type_name("FILE");
  command->add_option("--save", flags->save, "write annotated pictures into this folder")->type_name("DIR");
  command->add_flag("--strict-decode", flags->options.strict_decode, "a picture that only the host can decode is an error");
  command->add_option("--max-pixels", flags->options.max_pixels, "refuse larger pictures before decoding them")
      ->check(CLI::PositiveNumber);
  command->add_option("--reid-class", flags->options.reid_class, "the class that gets embeddings")->type_name("NAME");
  command->callback([&common, &status, flags] { status = predict(common, *flags); });
}

}  // namespace peregrine::cli
