#include "predict_outputs.h"

#include <fmt/format.h>

#include "base/text.h"
#include "render/render.h"

namespace peregrine::cli {

namespace fs = std::filesystem;

JsonOutput::JsonOutput(std::string target, const Pipeline& pipeline)
    : target_(std::move(target)), pipeline_(pipeline), lines_(fs::path(target_).extension() == ".jsonl") {
  if (!lines_) return;
  file_.emplace(target_);
  stream_.open(file_->temporary(), std::ios::binary);
}

void JsonOutput::write_line(const std::string& line) {
  stream_ << line << '\n' << std::flush;
  if (!stream_)
    throw Error("output.write", printable(target_) + " cannot be written.", "Free some space, or choose another place.");
}

void JsonOutput::add(const ImageResult& result) {
  succeeded_ = true;
  if (lines_)
    write_line(pipeline::to_json_line(result, pipeline_.models()));
  else if (!target_.empty())
    images_.push_back(result);
}

void JsonOutput::add(pipeline::Failure failure) {
  if (lines_)
    write_line(pipeline::to_json_line(failure));
  else
    failures_.push_back(std::move(failure));
}

void JsonOutput::add(pipeline::VideoSummary video) { videos_.push_back(std::move(video)); }

void JsonOutput::finish() {
  if (target_.empty() || (!succeeded_ && target_ != "-")) return;
  if (lines_) {
    for (const LeftOut& left_out : pipeline_.left_out()) write_line(pipeline::to_json_line(left_out));
    stream_.close();
    return file_->commit();
  }
  const std::string text = pipeline::to_json(pipeline_.info(), pipeline_.models(), images_, failures_, videos_, pipeline_.left_out()) + "\n";
  if (target_ == "-")
    fmt::print("{}", text);
  else
    write_file(target_, text);
}

AnnotatedFiles::AnnotatedFiles(fs::path folder, const std::vector<ModelInfo>& models, int every)
    : folder_(std::move(folder)), every_(every) {
  for (const ModelInfo& model : models) class_names_.push_back(model.class_names);
  std::error_code failure;
  fs::create_directories(folder_, failure);
  if (failure)
    throw Error("output.write", fmt::format("The folder {} cannot be made: {}.", printable(folder_.native()), failure.message()),
                "Choose a folder that you may write to with --save.");
}

fs::path AnnotatedFiles::next_name(const fs::path& source, const char* extension) {
  std::string stem = source.stem().string();
  if (stem.empty() || stem == "-") stem = "stream";
  const int seen = ++seen_[stem];
  return folder_ / (stem + (seen > 1 ? fmt::format("_{}", seen) : "") + extension);
}

void AnnotatedFiles::add(const Outcome& outcome) {
  if (!outcome.image || !outcome.result) return;
  const HostImage drawn = render::draw(outcome.image->view(), outcome.result->objects, class_names_);
  if (outcome.video) return add_frame(outcome, drawn);
  const fs::path source = outcome.path;
  const bool png = source.extension() == ".png" || source.extension() == ".PNG";
  render::save(drawn, next_name(source, png ? ".png" : ".jpg"));
}

void AnnotatedFiles::add_frame(const Outcome& outcome, const HostImage& drawn) {
  if (video_source_ != outcome.source) {
    end_video();
    video_source_ = outcome.source;
    video_ = std::make_unique<render::VideoWriter>(next_name(outcome.path, ".mp4"), drawn.width, drawn.height,
                                                   outcome.video->frames_per_second / every_);
  }
  if (!video_) return;  // it failed before
  try {
    video_->write(drawn.view(), outcome.result->seconds);
  } catch (const Error&) {
    video_.reset();
    throw;
  }
}

void AnnotatedFiles::end_video() {
  const auto video = std::move(video_);
  if (video) video->finish();
}

}  // namespace peregrine::cli
