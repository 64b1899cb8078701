// Lists of sources: a .txt file with one a line, a .csv file with one in the first column. Private to
// src/stages/source.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace peregrine::source {

struct ListedSource {
  std::string text;  ///< as it stands in the list, without white space around it
  int line = 0;      ///< from 1
};

struct SourceList {
  std::vector<ListedSource> sources;
  bool header = false;  ///< a .csv whose first line names columns
};

/// Whether a file is a list: a .txt or .csv (any case) that does not begin as an image does.
bool is_list(const std::filesystem::path& path);

/// Lines without white space around them; empty ones, comments (#) and a byte order mark are skipped. In a
/// .csv the first field counts, which may stand in quotes ("" is a quote); its first line is a header if its
/// first field has none of ". / *" and no file has that name, in the working folder or beside the list.
/// Throws Error "source.unreadable", "source.list" (binary, above 64 MiB) or "source.empty".
SourceList read_list(const std::filesystem::path& path, const std::string& display);

}  // namespace peregrine::source
