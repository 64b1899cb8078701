#include <glob.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <system_error>

#include "base/text.h"
#include "source/source.h"
#include "source/video.h"

namespace peregrine::source {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 12> picture_extensions = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp",
                                                                 ".dib", ".pbm",  ".pgm", ".ppm",  ".pnm", ".webp"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Digits count by their value: frame2 before frame10. Equal values: the shorter spelling first.
bool natural_less(std::string_view a, std::string_view b) {
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!is_digit(a[i]) || !is_digit(b[j])) {
      if (a[i] != b[j]) return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
      ++i, ++j;
      continue;
    }
    const auto number = [](std::string_view text, std::size_t& at) {
      while (at < text.size() && text[at] == '0') ++at;
      const std::size_t first = at;
      while (at < text.size() && is_digit(text[at])) ++at;
      return text.substr(first, at - first);
    };
    const std::string_view m = number(a, i), n = number(b, j);
    if (m.size() != n.size()) return m.size() < n.size();
    if (m != n) return m < n;
  }
  const bool a_ended = i == a.size(), b_ended = j == b.size();
  return a_ended == b_ended ? a.size() != b.size() ? a.size() < b.size() : a < b : a_ended;
}

bool is_picture(const fs::path& path) {
  if (path.filename().native().starts_with('.')) return false;
  std::string extension = path.extension().native();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::find(picture_extensions.begin(), picture_extensions.end(), extension) != picture_extensions.end();
}

Item good(fs::path path) {
  std::string display = printable(without_password(path.native()));
  const bool video = names_a_video(path.native());
  return {std::move(path), std::move(display), std::nullopt, video};
}

Item bad(const std::string& argument, const char* code, const std::string& predicate, const char* hint) {
  const std::string display = printable(argument);
  return {argument, display, Error(code, (display.empty() ? "A source without a name" : display) + " " + predicate + ".", hint),
          false};
}

void append_sorted(std::vector<fs::path> found, std::vector<Item>& items) {
  std::sort(found.begin(), found.end(),
            [](const fs::path& a, const fs::path& b) { return natural_less(a.native(), b.native()); });
  for (fs::path& path : found) items.push_back(good(std::move(path)));
}

void expand_folder(const std::string& argument, std::vector<Item>& items) {
  std::vector<fs::path> pictures;
  std::error_code error;
  for (fs::directory_iterator entry(argument, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (is_picture(entry->path()) && !entry->is_directory(ignored)) pictures.push_back(entry->path());
  }
  if (error)
    return items.push_back(bad(argument, "source.unreadable", "cannot be opened: " + error.message(), "Check its permissions."));
  if (pictures.empty())
    return items.push_back(
        bad(argument, "source.empty", "is a folder without pictures",
            "Pictures are told by their names there: .jpg, .png, .bmp, .ppm, .webp ...; sub-folders are not searched."));
  append_sorted(std::move(pictures), items);
}

/// Matches of a pattern; empty where there are none or it is no pattern.
std::vector<fs::path> matches(const std::string& pattern) {
  std::vector<fs::path> files;
  if (pattern.find_first_of("*?[") == std::string::npos) return files;
  glob_t found{};
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0)
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      std::error_code ignored;
      if (!fs::is_directory(found.gl_pathv[i], ignored)) files.emplace_back(found.gl_pathv[i]);
    }
  ::globfree(&found);
  return files;
}

}  // namespace

std::vector<Item> expand(const std::vector<std::string>& arguments) {
  std::vector<Item> items;
  for (const std::string& argument : arguments) {
    std::error_code error;
    const fs::file_status status = fs::status(argument, error);
    const bool stream = is_stream(argument);
    if (!stream && fs::is_directory(status)) {
      expand_folder(argument, items);
    } else if (stream || fs::exists(status)) {
      items.push_back(good(argument));
    } else if (std::vector<fs::path> files = matches(argument); !files.empty()) {
      append_sorted(std::move(files), items);
    } else if (argument.find_first_of("*?[") != std::string::npos) {
      items.push_back(bad(argument, "source.missing", "matches no file", "Check the pattern and the folder."));
    } else if (status.type() == fs::file_type::not_found) {
      items.push_back(bad(argument, "source.missing", "does not exist", "Name a file, a folder of pictures or a glob."));
    } else {
      items.push_back(bad(argument, "source.unreadable", "cannot be opened: " + error.message(), "Check its permissions."));
    }
  }
  return items;
}

}  // namespace peregrine::source
