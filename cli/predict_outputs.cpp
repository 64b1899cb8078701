#include "predict_outputs.h"

#include <fmt/format.h>

#include <set>

#include "core/text.h"
#include "json_output.h"
#include "stages/decode/encode.h"
#include "stages/render/render.h"
#include "stages/source/source.h"

namespace peregrine::cli {

namespace fs = std::filesystem;

JsonOutput::JsonOutput(std::string target)
    : target_(std::move(target)), lines_(fs::path(target_).extension() == ".jsonl") {}

void JsonOutput::check_target() const {
  if (!target_.empty() && target_ != "-") check_writable(target_);
}

void JsonOutput::describe(const RunInfo& info, std::vector<ModelInfo> models) {
  info_ = info;
  models_ = std::move(models);
}

void JsonOutput::write_line(const std::string& line) {
  if (!file_) file_.emplace(target_);
  file_->append(line + "\n");
}

void JsonOutput::add(const ImageResult& result) {
  if (!lines_) {
    if (!target_.empty()) images_.push_back(result);
    return;
  }
  write_line(predictor::to_json_line(result, models_, !models_told_));
  models_told_ = true;
}

void JsonOutput::add(predictor::Failure failure) {
  if (lines_)
    write_line(predictor::to_json_line(failure));
  else
    failures_.push_back(std::move(failure));
}

void JsonOutput::add(predictor::VideoSummary video) { videos_.push_back(std::move(video)); }

void JsonOutput::finish() {
  if (target_.empty()) return;
  if (!lines_) {
    const auto text = predictor::to_json(info_, models_, images_, failures_, videos_, left_out_);
    return write_json(target_, text + "\n");
  }
  for (const LeftOut& left_out : left_out_) write_line(predictor::to_json_line(left_out));
  if (!file_) file_.emplace(target_);
  file_->commit();
}

void JsonOutput::leave_error_alone(const Error& error) {
  const predictor::Failure failure{"", error};
  file_.reset();
  write_json(target_, (lines_ ? predictor::to_json_line(failure)
                              : predictor::to_json(info_, models_, {}, {failure}, {})) +
                          "\n");
}

void JsonOutput::finish_after(const Error& error) noexcept {
  const bool no_room = error.code() == "output.write";
  if (target_.empty() || (no_room && target_ == "-")) return;
  try {
    if (no_room) return leave_error_alone(error);
    add(predictor::Failure{"", error});
    finish();
  } catch (...) {
    try {
      leave_error_alone(error);
    } catch (...) {
      disown_stale(target_);
    }
  }
}

AnnotatedFiles::AnnotatedFiles(fs::path folder, const std::vector<ModelInfo>& models, int every,
                               const OutputGuard& guard)
    : names_(folder), every_(every), guard_(guard) {
  for (const ModelInfo& model : models) class_names_.push_back(model.class_names);
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure)
    throw Error(
        "output.write",
        fmt::format("The folder {} cannot be made: {}.", printable(folder.native()), failure.message()),
        "Choose a folder that you may write to with --save.");
}

fs::path AnnotatedFiles::next_name(const FrameResult& frame_result) {
  fs::path name = names_.next(frame_result.path, frame_result.video.has_value());
  guard_.check(name, "--save");
  return name;
}

void AnnotatedFiles::add(const FrameResult& frame_result) {
  if (!frame_result.image || !frame_result.result) return;
  const HostImage drawn =
      render::draw(frame_result.image->view(), frame_result.result->objects, class_names_);
  if (frame_result.video) return add_frame(frame_result, drawn);
  decode::save_image(drawn, next_name(frame_result));
}

void AnnotatedFiles::add_frame(const FrameResult& frame_result, const HostImage& drawn) {
  if (video_source_ != frame_result.source) {
    end_video();
    video_source_ = frame_result.source;
    video_ = std::make_unique<source::VideoWriter>(next_name(frame_result), drawn.width, drawn.height,
                                                   frame_result.video->frames_per_second / every_);
  }
  if (!video_) return;  // it failed before
  try {
    video_->write(drawn.view(), frame_result.result->seconds);
  } catch (const Error&) {
    video_.reset();
    throw;
  }
}

void AnnotatedFiles::end_video() {
  const auto video = std::move(video_);
  if (video) video->finish();
}

void check_annotated_names(const OutputGuard& guard, const fs::path& folder,
                           const std::vector<std::string>& sources, const std::string& json) {
  AnnotatedNames names(folder);
  std::error_code error;
  const fs::path json_file = json == "-" ? "" : json;
  const fs::path json_place = fs::weakly_canonical(fs::absolute(json_file, error), error);
  const fs::path place = fs::weakly_canonical(fs::absolute(folder, error), error);
  for (const source::Item& item : source::expand(sources).items) {
    if (item.error) continue;
    const fs::path name = names.next(item.display, item.video);
    guard.check(name, "--save");
    if (!json_place.empty() && json_place == place / name.filename())
      throw Error(
          "usage.output",
          fmt::format("--json {} is a file that --save writes; nothing was written.", printable(json)),
          "Choose another place for one of them.");
  }
}

}  // namespace peregrine::cli
