// The JSON of results: the one place that knows its schema (design, "Output of --json").
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "peregrine/pipeline.h"

namespace peregrine::pipeline {

/// The document as indented text.
std::string to_json(const RunInfo& info, const std::vector<ModelInfo>& models, const std::vector<ImageResult>& images,
                    const std::vector<std::pair<std::string, Error>>& errors);

}  // namespace peregrine::pipeline
