// A file's bytes, for those who have nothing to say about why there are none.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <vector>

namespace peregrine {

/// The whole file; nothing where it cannot be opened.
std::optional<std::vector<std::byte>> read_whole_file(const std::filesystem::path& path);

}  // namespace peregrine
