// What to run on: files, folders, globs (video and standard input come with their issue).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace peregrine::source {

struct Item {
  std::filesystem::path path;
  std::string display;  ///< valid UTF-8, for messages and JSON
};

/// Expands arguments in order: a file as it is, a folder to its pictures by name (not recursive), a glob
/// to its matches by name. Throws Error "source.missing" or "source.empty".
std::vector<Item> expand(const std::vector<std::string>& arguments);

/// Whole file. Throws Error "image.unreadable" or "image.empty".
std::vector<std::byte> read_file(const Item& item);

}  // namespace peregrine::source
