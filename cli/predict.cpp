#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "command_files.h"
#include "common.h"
#include "console.h"
#include "core/log.h"
#include "engine_progress.h"
#include "failure.h"
#include "peregrine/pipeline.h"
#include "predict_outputs.h"
#include "progress.h"
#include "stages/source/source.h"

namespace peregrine::cli {

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
  for (const auto& [name, count] : counts)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
  return text.empty() ? "nothing found" : text;
}

/// Takes outcomes as they come.
class Collector {
 public:
  Collector(const Pipeline& pipeline, const Flags& flags, bool quiet, const OutputGuard& guard,
            JsonOutput& json)
      : pipeline_(pipeline), json_(json), progress_("images", quiet), print_(flags.json.empty() && !quiet) {
    if (!flags.save.empty()) saved_.emplace(flags.save, pipeline.models(), flags.options.every, guard);
  }

  bool take(const FrameResult& frame_result) {
    if (frame_result.error) fail({frame_result.path, *frame_result.error, frame_result.frame});
    if (frame_result.result) keep(frame_result);
    if (frame_result.video && frame_result.video->ended) end_video(frame_result);
    return !interrupted();
  }

  /// Exit status of the command. Interrupted: what streams and videos hold so far is completed.
  int finish() {
    progress_.clear();
    if (saved_) complete_video(last_path_);
    json_.set_left_out(pipeline_.left_out());
    if (interrupted()) throw Error("interrupted", "Interrupted; the results until then are kept.");
    json_.finish();
    return out_of_memory_ ? exit_status("environment.memory") : failed_ ? exit_status("image") : 0;
  }

 private:
  void fail(predictor::Failure failure) {
    progress_.clear();
    report(failure.error);
    out_of_memory_ |= failure.error.code() == "environment.memory";
    json_.add(std::move(failure));
    failed_ = true;
  }

  void complete_video(const std::string& path) {
    try {
      saved_->end_video();
    } catch (const Error& error) {
      fail({path, error});
    }
  }

  void end_video(const FrameResult& frame_result) {
    progress_.clear();
    const VideoStatus& video = *frame_result.video;
    log::info(fmt::format("{}: {} frames run, {} skipped, {} corrupt", frame_result.path, frames_,
                          video.skipped, video.corrupt));
    json_.add({frame_result.path, video});
    if (saved_) complete_video(frame_result.path);
    frames_ = 0;
  }

  void keep(const FrameResult& frame_result) {
    last_path_ = frame_result.path;
    frames_ += frame_result.video.has_value();
    try {
      if (saved_) saved_->add(frame_result);
    } catch (const Error& error) {
      return fail({frame_result.path, error, frame_result.frame});
    }
    if (print_) {
      progress_.clear();
      const StageTimes& time = frame_result.result->time_ms;
      fmt::print("{}: {}{} ({:.1f} ms)\n", frame_result.path,
                 frame_result.video ? fmt::format("frame {}: ", frame_result.result->frame) : "",
                 summary(*frame_result.result, pipeline_.models()),
                 time.decode + time.preprocess + time.inference + time.postprocess);
    }
    json_.add(*frame_result.result);
    if (frame_result.video || frame_result.total > 1)
      progress_.update(frame_result.index + 1, frame_result.total, frame_result.path);
  }

  const Pipeline& pipeline_;
  JsonOutput& json_;
  std::optional<AnnotatedFiles> saved_;
  Progress progress_;
  bool print_, failed_ = false, out_of_memory_ = false;
  std::int64_t frames_ = 0;  ///< run, of the current video
  std::string last_path_;
};

/// Says what is wrong with sources of which none can be read: before engines are loaded, or built, for
/// nothing.
bool nothing_to_read(const std::vector<std::string>& sources, JsonOutput& json) {
  source::Expansion expansion = source::expand(sources);
  const std::vector<source::Item>& items = expansion.items;
  if (std::ranges::any_of(items, [](const source::Item& item) { return !item.error; })) return false;
  for (const source::Item& item : items) {
    report(*item.error);
    json.add(predictor::Failure{item.display, *item.error});
  }
  json.set_left_out(std::move(expansion.left_out));
  json.finish();
  return true;
}

/// Throws Error "usage.output" before anything is read or written.
void check_outputs(const OutputGuard& guard, const Flags& flags) {
  guard.check();
  if (!flags.save.empty()) check_annotated_names(guard, flags.save, flags.sources, flags.json);
}

int run_predict(const CommonFlags& common, Flags flags, OutputGuard& guard, JsonOutput& json) {
  const LoadedSettings loaded = start(common);
  add_settings(guard, loaded.settings);
  check_outputs(guard, flags);
  catch_interrupt();
  json.check_target();
  if (nothing_to_read(flags.sources, json)) return exit_status("source");
  flags.options.engine = common.engine;
  flags.options.keep_pixels = !flags.save.empty();
  flags.options.stop = interrupted;
  EngineProgress engines(common.quiet || common.log_json);
  flags.options.progress = engines.callback();
  Pipeline pipeline(loaded.settings, flags.options);
  engines.clear();
  json.describe(pipeline.info(), pipeline.models());
  Collector collector(pipeline, flags, common.quiet, guard, json);
  pipeline.run(flags.sources, [&](const FrameResult& frame_result) { return collector.take(frame_result); });
  return collector.finish();
}

int predict(const CommonFlags& common, const Flags& flags) {
  OutputGuard guard = guard_of(common);
  add_models(guard, flags.options.models);
  if (flags.options.reid) add_models(guard, {*flags.options.reid});
  add_sources(guard, flags.sources);
  guard.writes(flags.json, "--json");
  check_outputs(guard, flags);
  JsonOutput json(flags.json);
  try {
    return run_predict(common, flags, guard, json);
  } catch (...) {
    const Error error = current_error();
    if (error.code() != "usage.output") json.finish_after(error);  // else an input stands in its place
    throw Error(error);
  }
}

}  // namespace

void add_predict(CLI::App& app, CommonFlags& common, int& status) {
  CLI::App* command = app.add_subcommand("predict", "Find objects in images, folders, videos and streams");
  auto flags = std::make_shared<Flags>();
  add_common_flags(*command, common);
  command
      ->add_option("--model", flags->options.models,
                   "checkpoint (.pt), ONNX file or an engine's folder; repeat to run several over each "
                   "image; without it: "
                   "what is deployed")
      ->type_name("FILE");
  command->add_flag("--unverified", flags->options.unverified,
                    "run engines that did not pass their verification, too");
  command->add_option("--reid", flags->options.reid, "OSNet checkpoint: adds an embedding to every person")
      ->type_name("FILE");
  command
      ->add_option("--source", flags->sources,
                   "images, folders, globs, lists (.txt, .csv), http(s):// images, videos, rtsp:// "
                   "addresses; - is a video on "
                   "standard input (MJPEG)")
      ->required()
      ->type_name("PATH");
  add_setting_flag(*command, common, "--conf", "MODEL_CONFIDENCE_THRESHOLD");
  add_setting_flag(*command, common, "--iou", "IOU");
  add_setting_flag(*command, common, "--imgsz", "IMGSZ");
  add_setting_flag(*command, common, "--max-det", "MAX_DET");
  add_setting_flag(*command, common, "--batch", "BATCH");
  command
      ->add_option(
          "--classes", flags->options.classes,
          "keep only these classes: names or indices, separated by commas; a name that holds a comma "
          "by itself (repeat the flag), a name that is a number as name:7")
      ->type_name("LIST");
  command->add_flag("--rect", flags->options.rect,
                    "pad only to the next multiple of the stride: matches Ultralytics' default predict, one "
                    "image at a time");
  command
      ->add_option("--json", flags->json,
                   "write results as JSON; - is standard output; FILE.jsonl gets a line an image or frame as "
                   "they come")
      ->type_name("FILE");
  command->add_option("--save", flags->save, "write annotated images and videos into this folder")
      ->type_name("DIR");
  command
      ->add_option("--every", flags->options.every,
                   "of videos: run every so many frames; the others are counted as skipped")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  command->add_flag("--strict-decode", flags->options.strict_decode,
                    "what only the host can decode, as all videos, is an error");
  command->add_option("--max-pixels", flags->options.max_pixels, "refuse larger images before decoding them")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--reid-class", flags->options.reid_classes,
                   "the classes that get embeddings, as for --classes (person)")
      ->type_name("LIST");
  command->callback([&common, &status, flags] { status = predict(common, *flags); });
}

}  // namespace peregrine::cli
