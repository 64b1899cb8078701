// Reference results of Ultralytics, read from the shared data.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "peregrine/results.h"

namespace peregrine::test {

/// File name of an image -> its objects. Confidences down to 0.25.
std::map<std::string, std::vector<Object>> read_golden(const std::filesystem::path& file);

/// The images of the goldens lie in two folders.
std::filesystem::path golden_image(const std::filesystem::path& data, const std::string& name);

}  // namespace peregrine::test
