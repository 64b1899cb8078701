// What `predict` leaves behind: JSON or JSON Lines, annotated pictures and videos.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/output_file.h"
#include "peregrine/pipeline.h"
#include "pipeline/result_json.h"
#include "render/video_writer.h"

namespace peregrine::cli {

/// "-": standard output; a name in .jsonl: one line an image, frame or error, written as they come; otherwise one document
/// at the end.
class JsonOutput {
 public:
  JsonOutput(std::string target, const Pipeline& pipeline);

  void add(const ImageResult& result);
  void add(pipeline::Failure failure);
  void add(pipeline::VideoSummary video);
  /// Puts the file into its place; without a result no file is left. Throws Error "output.write".
  void finish();
  bool lines() const { return lines_; }

 private:
  void write_line(const std::string& line);

  std::string target_;
  const Pipeline& pipeline_;
  bool lines_, succeeded_ = false;
  std::optional<PendingFile> file_;
  std::ofstream stream_;
  std::vector<ImageResult> images_;
  std::vector<pipeline::Failure> failures_;
  std::vector<pipeline::VideoSummary> videos_;
};

/// Annotated pictures, and one annotated video a video, in a folder.
class AnnotatedFiles {
 public:
  /// Throws Error "output.write" when the folder cannot be made.
  AnnotatedFiles(std::filesystem::path folder, const std::vector<ModelInfo>& models, int every);

  /// Throws Error "output.write"; of a video that cannot be written only once.
  void add(const Outcome& outcome);
  /// Completes the video that is being written; one that is not completed leaves nothing.
  void end_video();

 private:
  std::filesystem::path next_name(const std::filesystem::path& source, const char* extension);
  void add_frame(const Outcome& outcome, const HostImage& drawn);

  std::filesystem::path folder_;
  std::vector<std::vector<std::string>> class_names_;
  int every_;
  std::map<std::string, int> seen_;  ///< sources of one name in several folders don't overwrite each other
  std::optional<std::size_t> video_source_;
  std::unique_ptr<render::VideoWriter> video_;
};

}  // namespace peregrine::cli
