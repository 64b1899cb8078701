#include "stages/source/list.h"

#include <algorithm>
#include <fstream>
#include <string_view>
#include <system_error>

#include "core/image_format.h"
#include "peregrine/error.h"
#include "stages/source/address.h"

namespace peregrine::source {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view space = " \t\r\n\v\f";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(space);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

/// The first field of a line of CSV.
std::string first_field(std::string_view line) {
  if (!line.starts_with('"')) return std::string(trimmed(line.substr(0, line.find(','))));
  std::string field;
  for (std::size_t at = 1; at < line.size(); ++at) {
    if (line[at] == '"' && !line.substr(at + 1).starts_with('"')) break;
    if (line[at] == '"') ++at;
    field += line[at];
  }
  return field;
}

std::string read_text(const fs::path& path, const std::string& display) {
  constexpr std::size_t most = std::size_t{64} << 20;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  for (char block[65536]; file && text.size() <= most;
       text.append(block, static_cast<std::size_t>(file.gcount())))
    file.read(block, sizeof block);
  if (!file.eof() && text.size() <= most)
    throw Error("source.unreadable", display + " cannot be read.", "Check the file and its permissions.");
  if (text.size() > most)
    throw Error("source.list", display + " is a list of more than 64 MiB.", "Split it into several lists.");
  if (text.find('\0') != text.npos)
    throw Error("source.list", display + " is no list of sources: it holds bytes that are no text.",
                "Save the list as plain text in UTF-8, one path a line.");
  return text;
}

bool is_header(const std::string& field, const fs::path& list) {
  if (field.find_first_of("./*") != std::string::npos) return false;
  std::error_code ignored;
  return !fs::exists(field, ignored) && !fs::exists(list.parent_path() / field, ignored);
}

}  // namespace

bool is_list(const fs::path& path) {
  const std::string extension = lower_extension(path);
  if (extension != ".txt" && extension != ".csv") return false;
  std::ifstream file(path, std::ios::binary);
  char head[format_head_bytes];
  file.read(head, sizeof head);
  return !is_image({head, static_cast<std::size_t>(file.gcount())});
}

SourceList read_list(const fs::path& path, const std::string& display) {
  const std::string text = read_text(path, display);
  const bool csv = lower_extension(path) == ".csv";
  std::string_view rest = text;
  if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
  SourceList list;
  for (int number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty() || line.starts_with('#')) continue;
    std::string field = csv ? first_field(line) : std::string(line);
    const bool first = list.sources.empty() && !list.header;
    if (csv && first && is_header(field, path))
      list.header = true;
    else if (!field.empty())
      list.sources.push_back({std::move(field), number});
  }
  if (list.sources.empty())
    throw Error("source.empty", display + " is a list without sources.", "Write one path a line into it.");
  return list;
}

}  // namespace peregrine::source
