#include <glob.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/image_format.h"
#include "core/log.h"
#include "core/text.h"
#include "stages/source/address.h"
#include "stages/source/list.h"
#include "stages/source/source.h"
#include "stages/source/video/video.h"

namespace peregrine::source {
namespace {

namespace fs = std::filesystem;

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

bool is_image_extension(const std::string& extension) {
  constexpr std::array<std::string_view, 24> extensions = {
      ".jpg",  ".jpeg", ".jpe",  ".jfif", ".mpo",  ".png",   ".bmp", ".dib", ".pbm", ".pgm", ".ppm", ".pnm",
      ".webp", ".tif",  ".tiff", ".gif",  ".avif", ".avifs", ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"};
  return std::find(extensions.begin(), extensions.end(), extension) != extensions.end();
}

bool begins_as_an_image(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  char head[format_head_bytes];
  file.read(head, sizeof head);
  return is_image({head, static_cast<std::size_t>(file.gcount())});
}

bool is_pattern(const std::string& argument) { return argument.find_first_of("*?[") != std::string::npos; }

Item good(fs::path path) {
  std::string display = printable(without_password(path.native()));
  const bool video = names_a_video(path.native());
  return {std::move(path), std::move(display), std::nullopt, video, false};
}

Item bad(const std::string& argument, const char* code, const std::string& predicate, const char* hint) {
  const std::string display = printable(without_credentials(argument));
  const std::string subject = display.empty() ? "A source without a name" : display;
  return {argument, display, Error(code, subject + " " + predicate + ".", hint), false, false};
}

Item failed(const std::string& argument, const Error& error) {
  return {argument, printable(without_credentials(argument)), error, false, false};
}

Item web_image(const std::string& address, Take take) {
  if (take == Take::image_files)
    return bad(address, "source.unsupported", "is an address, where files are wanted",
               "Download it and name the file.");
  if (is_video_extension(address_extension(address)))
    return bad(address, "source.unsupported", "is a video, and videos are not read over HTTP",
               "Download it and name the file; of cameras give the rtsp:// address.");
  return {address, printable(without_credentials(address)), std::nullopt, false, true};
}

/// "a device", "a socket"; of pipes where only files will do, "a pipe"; empty: it can be read.
std::string unreadable_kind(const fs::file_status& status, Take take) {
  if (fs::is_character_file(status) || fs::is_block_file(status)) return "a device";
  if (fs::is_socket(status)) return "a socket";
  return fs::is_fifo(status) && take == Take::image_files ? "a pipe" : "";
}

/// The kind of what a folder holds and is not run; empty: it is.
std::string left_out_kind(const fs::path& path, Take take) {
  std::error_code ignored;
  if (path.filename().native().starts_with('.')) return "hidden";
  const fs::file_status status = fs::status(path, ignored);
  if (fs::is_directory(status)) return "folder";
  if (fs::exists(status) && !fs::is_regular_file(status)) return "special file";
  const std::string extension = lower_extension(path);
  if (is_image_extension(extension) || (is_video_extension(extension) && take == Take::images_and_videos))
    return "";
  if (extension.empty()) return begins_as_an_image(path) ? "" : "no extension";
  return printable(extension);
}

class Expander {
 public:
  explicit Expander(Take take) : take_(take) {}

  void add(const std::string& argument) {
    std::error_code error;
    if (is_stream(argument)) return items_.push_back(good(argument));
    if (is_web_address(argument)) return items_.push_back(web_image(argument, take_));
    const fs::file_status status = fs::status(argument, error);
    if (fs::is_directory(status)) return add_folder(argument);
    if (fs::is_regular_file(status) && is_list(argument)) return add_list(argument);
    if (const std::string kind = unreadable_kind(status, take_); !kind.empty())
      return items_.push_back(bad(argument, "source.unsupported", "is " + kind + ", not a file",
                                  "Name a file, a folder of images, a glob or an address."));
    if (fs::exists(status)) return items_.push_back(good(argument));
    if (is_pattern(argument)) return add_matches(argument);
    items_.push_back(status.type() == fs::file_type::not_found
                         ? bad(argument, "source.missing", "does not exist",
                               "Name a file, a folder of images, a glob or an address.")
                         : bad(argument, "source.unreadable", "cannot be opened: " + error.message(),
                               "Check its permissions."));
  }

  Expansion take() { return {std::move(items_), std::move(left_out_)}; }

 private:
  void add_sorted(std::vector<fs::path> found) {
    std::sort(found.begin(), found.end(),
              [](const fs::path& a, const fs::path& b) { return natural_less(a.native(), b.native()); });
    for (fs::path& path : found) items_.push_back(good(std::move(path)));
  }

  void note(LeftOut left_out) {
    if (!left_out.kinds.empty()) left_out_.push_back(std::move(left_out));
  }

  void add_folder(const std::string& argument) {
    std::vector<fs::path> found;
    LeftOut left_out{printable(argument), {}};
    std::error_code error;
    for (fs::directory_iterator entry(argument, error), end; !error && entry != end; entry.increment(error)) {
      const std::string kind = left_out_kind(entry->path(), take_);
      if (kind.empty())
        found.push_back(entry->path());
      else
        ++left_out.kinds[kind];
    }
    if (error)
      return items_.push_back(bad(argument, "source.unreadable", "cannot be opened: " + error.message(),
                                  "Check its permissions."));
    if (found.empty()) items_.push_back(empty_folder(argument, left_out));
    note(std::move(left_out));
    add_sorted(std::move(found));
  }

  Item empty_folder(const std::string& argument, const LeftOut& left_out) const {
    const std::string what = std::string("is a folder without images") +
                             (take_ == Take::image_files ? "" : " or videos") +
                             (left_out.kinds.empty() ? "" : " (" + describe(left_out) + ")");
    return bad(
        argument, "source.empty", what,
        "Images are told by their names there: .jpg, .png, .tif, .webp ...; sub-folders are not searched.");
  }

  void add_matches(const std::string& pattern) {
    std::vector<fs::path> files;
    LeftOut left_out{printable(pattern), {}};
    glob_t found{};
    if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0)
      for (std::size_t i = 0; i < found.gl_pathc; ++i) {
        std::error_code ignored;
        const fs::file_status status = fs::status(found.gl_pathv[i], ignored);
        if (fs::is_directory(status))
          ++left_out.kinds["folder"];
        else if (fs::exists(status) && !fs::is_regular_file(status))
          ++left_out.kinds["special file"];
        else
          files.emplace_back(found.gl_pathv[i]);
      }
    ::globfree(&found);
    if (files.empty())
      items_.push_back(left_out.kinds.empty() ? bad(pattern, "source.missing", "matches no file",
                                                    "Check the pattern and the folder.")
                       : left_out.kinds.contains("special file")
                           ? bad(pattern, "source.missing", "matches no file (" + describe(left_out) + ")",
                                 "Check the pattern and the folder.")
                           : bad(pattern, "source.missing", "matches folders alone",
                                 "Name the files in them: end the pattern in /*.jpg, for example."));
    note(std::move(left_out));
    add_sorted(std::move(files));
  }

  void add_list(const std::string& argument) {
    if (!list_.empty())
      return items_.push_back(bad(argument, "source.list", "is a list within the list " + printable(list_),
                                  "Write its lines into one list, or name both lists as sources."));
    SourceList list;
    try {
      list = read_list(argument, printable(argument));
    } catch (const Error& error) {
      return items_.push_back(failed(argument, error));
    }
    if (list.header) note({printable(argument), {{"header line", 1}}});
    list_ = argument;
    for (const ListedSource& source : list.sources) add_listed(source);
    list_.clear();
  }

  /// Paths count from the working folder, as Ultralytics has it, and where nothing is there from the list's.
  void add_listed(const ListedSource& source) {
    const std::string where = "(line " + std::to_string(source.line) + " of " + printable(list_) + ") ";
    if (source.text == "-")
      return items_.push_back(bad("-", "source.list", where + "is standard input, which no list can name",
                                  "Give - as a source of its own."));
    const std::size_t before = items_.size();
    add(source.text);
    const auto missing = [&] {
      return items_.size() == before + 1 && items_.back().error &&
             items_.back().error->code() == "source.missing";
    };
    if (!missing() || fs::path(source.text).is_absolute()) return mark_missing(missing(), source.text, where);
    items_.pop_back();
    add((fs::path(list_).parent_path() / source.text).native());
    mark_missing(missing(), source.text, where);
  }

  void mark_missing(bool missing, const std::string& text, const std::string& where) {
    if (!missing) return;
    items_.back() =
        bad(text, "source.missing", where + (is_pattern(text) ? "matches no file" : "does not exist"),
            "Paths in a list count from the working folder, then from the list's own.");
  }

  Take take_;
  std::string list_;  ///< that is being read
  std::vector<Item> items_;
  std::vector<LeftOut> left_out_;
};

}  // namespace

std::string describe(const LeftOut& left_out) {
  std::string text = "left out";
  const char* separator = ": ";
  for (const auto& [kind, count] : left_out.kinds) {
    text += separator + std::to_string(count) + " " + kind;
    if (kind == "folder" || kind == "special file") text += count == 1 ? "" : "s";
    separator = ", ";
  }
  return text;
}

void log_left_out(const std::vector<LeftOut>& left_out) {
  for (const LeftOut& each : left_out) log::info(each.source + ": " + describe(each));
}

std::vector<fs::path> image_files(const std::vector<std::string>& arguments) {
  Expansion expansion = expand(arguments, Take::image_files);
  log_left_out(expansion.left_out);
  std::vector<fs::path> files;
  for (Item& item : expansion.items) {
    if (item.error) throw Error(*item.error);
    files.push_back(std::move(item.path));
  }
  return files;
}

Expansion expand(const std::vector<std::string>& arguments, Take take) {
  Expander expander(take);
  for (const std::string& argument : arguments) expander.add(argument);
  return expander.take();
}

}  // namespace peregrine::source
