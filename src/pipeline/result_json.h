// The JSON of results: the one place that knows its schema (design, "Output of --json").
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "peregrine/pipeline.h"

namespace peregrine::pipeline {

struct VideoSummary {
  std::string path;
  VideoStatus status;
};

/// The document as indented text.
std::string to_json(const RunInfo& info, const std::vector<ModelInfo>& models, const std::vector<ImageResult>& images,
                    const std::vector<std::pair<std::string, Error>>& errors, const std::vector<VideoSummary>& videos);

/// One entry of "images" or "errors" alone, as a line of JSON Lines without its end.
std::string to_json_line(const ImageResult& image, const std::vector<ModelInfo>& models);
std::string to_json_line(const std::string& path, const Error& error);

}  // namespace peregrine::pipeline
