// Reads a whole file, for callers that need no reason where it fails.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <vector>

namespace peregrine {

/// The whole file; nothing where it cannot be opened, or is no file.
std::optional<std::vector<std::byte>> read_whole_file(const std::filesystem::path& path);

}  // namespace peregrine
