// The outputs of `predict`: JSON or JSON Lines, annotated images and videos.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "command_files.h"
#include "core/os/output_file.h"
#include "core/os/output_guard.h"
#include "peregrine/pipeline.h"
#include "predictor/result_json.h"
#include "stages/source/video/video_writer.h"

namespace peregrine::cli {

/// "-": standard output; a name in .jsonl: one line an image, frame or error, written as they come; otherwise
/// one document at the end. However the run ends, the file says so.
class JsonOutput {
 public:
  /// An empty target: nobody asked.
  explicit JsonOutput(std::string target);

  /// Throws now where the file could not be written at the end.
  void check_target() const;
  /// What runs: known once the models are loaded.
  void describe(const RunInfo& info, std::vector<ModelInfo> models);
  void add(const ImageResult& result);
  void add(predictor::Failure failure);
  void add(predictor::VideoSummary video);
  /// What folders hold and nobody reads.
  void set_left_out(std::vector<LeftOut> left_out) { left_out_ = std::move(left_out); }
  /// Puts the file into its place. Throws Error "output.write".
  void finish();
  /// Ends a run that an error ended: what there is until then, with the error. Where that cannot be written,
  /// the error alone; where not even that can, an older file goes. Throws nothing: the error is what has to
  /// be heard of.
  void finish_after(const Error& error) noexcept;

 private:
  void write_line(const std::string& line);
  void leave_error_alone(const Error& error);

  std::string target_;
  bool lines_, models_told_ = false;
  std::optional<RunInfo> info_;
  std::vector<ModelInfo> models_;
  std::optional<GrowingFile> file_;  ///< of lines
  std::vector<ImageResult> images_;
  std::vector<predictor::Failure> failures_;
  std::vector<predictor::VideoSummary> videos_;
  std::vector<LeftOut> left_out_;
};

/// Annotated images, and one annotated video a video, in a folder.
class AnnotatedFiles {
 public:
  /// Throws Error "output.write" when the folder cannot be made. `guard` knows the sources and outlives this.
  AnnotatedFiles(std::filesystem::path folder, const std::vector<ModelInfo>& models, int every,
                 const OutputGuard& guard);

  /// Throws Error "output.write", or "usage.output" for a source that came after the start; of a video that
  /// cannot be written only once.
  void add(const FrameResult& frame_result);
  /// Completes the video that is being written; one that is not completed leaves nothing.
  void end_video();

 private:
  std::filesystem::path next_name(const FrameResult& frame_result);
  void add_frame(const FrameResult& frame_result, const HostImage& drawn);

  AnnotatedNames names_;
  std::vector<std::vector<std::string>> class_names_;
  int every_;
  const OutputGuard& guard_;
  std::optional<std::size_t> video_source_;
  std::unique_ptr<source::VideoWriter> video_;
};

/// Throws Error "usage.output" where an annotated file would take the place of an input or of the JSON.
void check_annotated_names(const OutputGuard& guard, const std::filesystem::path& folder,
                           const std::vector<std::string>& sources, const std::string& json);

}  // namespace peregrine::cli
