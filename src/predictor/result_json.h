// Writes results as JSON: the one place that knows the schema (docs/guide/outputs.md).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "peregrine/pipeline.h"

namespace peregrine::predictor {

/// An image, frame or whole source without a result.
struct Failure {
  std::string path;  ///< empty: the run as a whole
  Error error;
  std::int64_t frame = -1;  ///< as FrameResult::frame
};

struct VideoSummary {
  std::string path;
  VideoStatus status;
};

/// The document as indented text. `info`: nothing where no model was loaded.
std::string to_json(const std::optional<RunInfo>& info, const std::vector<ModelInfo>& models,
                    const std::vector<ImageResult>& images, const std::vector<Failure>& failures,
                    const std::vector<VideoSummary>& videos, const std::vector<LeftOut>& left_out = {});

/// One entry of "images" or "errors" alone, as a line of JSON Lines without its end. `with_models`: it holds
/// the list of "models" as well, which the first line does for all of them.
std::string to_json_line(const ImageResult& image, const std::vector<ModelInfo>& models,
                         bool with_models = false);
std::string to_json_line(const Failure& failure);
/// An entry of "left_out", with its source as "path".
std::string to_json_line(const LeftOut& left_out);

}  // namespace peregrine::predictor
