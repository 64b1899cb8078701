#include "engine/tensorrt/library/locate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "core/log.h"
#include "core/text.h"
#include "peregrine/error.h"

namespace peregrine::tensorrt {

namespace fs = std::filesystem;

namespace {

struct FileNames {
  const char *library, *parser, *plugins;  ///< plugins: null where this TensorRT has none
};
constexpr std::array known_files{
    FileNames{"libnvinfer.so.11", "libnvonnxparser.so.11", "libnvinfer_plugin.so.11"},
    FileNames{"libnvinfer.so.10", "libnvonnxparser.so.10", "libnvinfer_plugin.so.10"},
    FileNames{"libnvinfer.so.8", "libnvonnxparser.so.8", "libnvinfer_plugin.so.8"},
    FileNames{"libtensorrt_rtx.so.1", "libtensorrt_onnxparser_rtx.so.1", nullptr}};
/// Where NVIDIA's wheels have their libraries, below a folder of packages.
constexpr const char* wheel_folders[] = {"tensorrt_libs", "tensorrt", "tensorrt_rtx_libs"};
constexpr std::string_view library_prefixes[] = {"libnvinfer.so.", "libtensorrt_rtx.so."};

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

/// Asks the library for its version.
Installation examine(LibraryFiles files, const std::string& place) {
  Installation found{.files = std::move(files), .place = place};
  try {
    found.version = read_version(found.files.library);
    if (found.files.parser.empty()) found.refusal = "its ONNX parser is missing";
  } catch (const Error& error) {
    found.refusal = error.sentence();
  }
  return found;
}

Installation examine_file(const fs::path& library, const std::string& place) {
  LibraryFiles files{library, {}};
  const auto beside = [&](const char* name) {
    const fs::path file = name ? library.parent_path() / name : fs::path{};
    return is_file(file) ? file : fs::path{};
  };
  for (const FileNames& names : known_files)
    if (library.filename().native().starts_with(names.library)) {
      files.parser = beside(names.parser);
      files.plugins = beside(names.plugins);
    }
  return examine(std::move(files), place);
}

/// Where the loader finds it by its name alone; empty where it does not.
fs::path named(const char* name) {
  try {
    return name ? DynamicLibrary::load_named(name).path() : fs::path{};
  } catch (const Error&) {  // not there: said by those who need it
    return {};
  }
}

/// "libnvinfer.so.12" is a library, whether it is known or not; "libnvinfer.so.10.16.1" is one under another
/// name.
bool is_major_name(const std::string& name) {
  return std::ranges::any_of(library_prefixes, [&](std::string_view prefix) {
    return name.size() > prefix.size() && name.starts_with(prefix) &&
           std::all_of(name.begin() + static_cast<std::ptrdiff_t>(prefix.size()), name.end(),
                       [](char c) { return c >= '0' && c <= '9'; });
  });
}

void add_folder(const fs::path& folder, const std::string& place, std::vector<Installation>& all) {
  std::vector<fs::path> libraries;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored))
    if (is_major_name(entry.path().filename().native())) libraries.push_back(entry.path());
  std::ranges::sort(libraries);
  for (const fs::path& library : libraries) all.push_back(examine_file(library, place));
}

bool in_own_folder(const fs::path& library) {
  std::error_code ignored;
  return fs::equivalent(library.parent_path(), own_library_folder(), ignored);
}

/// What the loader finds by name alone.
void add_loader_path(std::vector<Installation>& all) {
  for (const FileNames& names : known_files) try {
      const fs::path library = DynamicLibrary::load_named(names.library).path();
      if (in_own_folder(library)) continue;  // by our run path: its turn comes, under its own name
      all.push_back(examine({library, named(names.parser), named(names.plugins)}, "the loader's path"));
    } catch (const Error&) {  // not there: the expected answer
    }
}

/// The same file by another way is the same installation.
void drop_repeated(std::vector<Installation>& all) {
  std::vector<fs::path> seen;
  std::erase_if(all, [&](const Installation& found) {
    std::error_code failure;
    const fs::path real = fs::canonical(found.files.library, failure);
    if (failure || std::ranges::find(seen, real) != seen.end()) return !failure;
    seen.push_back(real);
    return false;
  });
}

std::vector<Installation> find_given(const fs::path& given) {
  const std::string place = "--tensorrt";
  std::vector<Installation> all;
  std::error_code ignored;
  if (fs::is_directory(given, ignored)) {
    add_folder(given, place, all);
    for (const char* folder : wheel_folders) add_folder(given / folder, place, all);
  } else if (is_file(given)) {
    all.push_back(examine_file(given, place));
  }
  if (all.empty())
    throw Error(
        "environment.tensorrt", fmt::format("{} holds no library of TensorRT.", printable(given.native())),
        "Name the folder of libnvinfer.so.8, libnvinfer.so.10, libnvinfer.so.11 or libtensorrt_rtx.so.1.");
  return all;
}

std::string describe(const Installation& found) {
  return fmt::format("{} ({}): {}", printable(found.files.library.native()), found.place, found.refusal);
}

}  // namespace

std::vector<Installation> find_installations(const fs::path& given) {
  if (!given.empty()) return find_given(given);
  std::vector<Installation> all;
  if (const char* variable = std::getenv("TENSORRT_LIB_DIR"); variable && *variable) {
    add_folder(variable, "TENSORRT_LIB_DIR", all);
    if (all.empty())
      log::warning(
          fmt::format("TENSORRT_LIB_DIR is {}, which holds no library of TensorRT.", printable(variable)));
  }
  add_loader_path(all);
  add_folder(own_library_folder(), "peregrine's own folder", all);
  for (const fs::path& packages : python_packages())
    for (const char* folder : wheel_folders) add_folder(packages / folder, "Python's packages", all);
  drop_repeated(all);
  return all;
}

Installation find_installation(Flavour flavour, const fs::path& given) {
  std::vector<Installation> all = find_installations(given);
  std::erase_if(
      all, [&](const Installation& found) { return found.version && found.version->flavour != flavour; });
  std::ranges::stable_sort(all, [](const Installation& a, const Installation& b) {
    const auto rank = [](const Installation& found) {
      return found.refusal.empty() ? found.version->major : 0;
    };
    return rank(a) > rank(b);
  });
  if (!all.empty() && all.front().refusal.empty()) return all.front();
  const char* product = flavour == Flavour::rtx ? "TensorRT-RTX" : "TensorRT";
  std::string sentence = fmt::format("{} was not found", product);
  for (const Installation& found : all) sentence += fmt::format("; {}", describe(found));
  throw Error("environment.tensorrt", sentence + (sentence.ends_with('.') ? "" : "."),
              flavour == Flavour::rtx
                  ? "Install the wheel tensorrt-rtx-cu13-libs, or name its folder with --tensorrt."
                  : "Install libnvinfer10 or 11 with its ONNX parser from NVIDIA's repository, or name its "
                    "folder with --tensorrt.");
}

}  // namespace peregrine::tensorrt
