#include "core/os/dynamic_library.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "peregrine/error.h"

namespace peregrine {

namespace fs = std::filesystem;

namespace {

/// Always absolute: without /proc a folder that only the system's owner can write to.
fs::path executable_folder() {
  std::error_code failure;
  const fs::path program = fs::read_symlink("/proc/self/exe", failure);
  return failure ? fs::path("/usr/bin") : program.parent_path();
}

/// Subfolders of `root` whose name starts with `prefix`, newest name first.
std::vector<fs::path> folders_named(const fs::path& root, std::string_view prefix) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(root, ignored))
    if (entry.is_directory(ignored) && entry.path().filename().string().starts_with(prefix))
      found.push_back(entry.path());
  std::sort(found.rbegin(), found.rend());
  return found;
}

std::string loader_words() {
  const char* words = dlerror();
  return words ? words : "no reason given";
}

fs::path path_of(void* handle, const fs::path& fallback) {
  const link_map* map = nullptr;
  return dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map && map->l_name[0] ? fs::path(map->l_name)
                                                                             : fallback;
}

constexpr int load_flags = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;

/// Where the loader looks for a bare name, but for its cache: LD_LIBRARY_PATH, our run path, the system's
/// folders.
std::vector<fs::path> loader_folders() {
  void* program = dlopen(nullptr, RTLD_NOW);
  Dl_serinfo size{};
  if (!program || dlinfo(program, RTLD_DI_SERINFOSIZE, &size) != 0) return {};
  const auto memory = std::make_unique<std::byte[]>(size.dls_size);
  auto* info = reinterpret_cast<Dl_serinfo*>(memory.get());
  if (dlinfo(program, RTLD_DI_SERINFOSIZE, info) != 0 || dlinfo(program, RTLD_DI_SERINFO, info) != 0)
    return {};
  std::vector<fs::path> folders;
  for (unsigned i = 0; i < info->dls_cnt; ++i) folders.emplace_back(info->dls_serpath[i].dls_name);
  return folders;
}

/// What to give to the loader for a bare name: the name itself, unless an empty or relative element of
/// LD_LIBRARY_PATH would find it in or below the working directory, where anybody may have put it; then the
/// file of the first other folder.
fs::path outside_working_directory(const fs::path& name) {
  const std::vector<fs::path> folders = loader_folders();
  std::error_code ignored;
  const auto has_it = [&](const fs::path& folder) { return fs::exists(folder / name, ignored); };
  if (std::ranges::none_of(folders,
                           [&](const fs::path& folder) { return folder.is_relative() && has_it(folder); }))
    return name;
  const auto found = std::ranges::find_if(
      folders, [&](const fs::path& folder) { return folder.is_absolute() && has_it(folder); });
  return found == folders.end() ? fs::path{} : *found / name;
}

}  // namespace

fs::path own_library_folder() { return executable_folder() / ".." / "lib" / "peregrine"; }

std::vector<fs::path> python_packages() {
  std::vector<fs::path> roots;
  for (const char* variable : {"VIRTUAL_ENV", "CONDA_PREFIX"})
    if (const char* prefix = std::getenv(variable)) roots.emplace_back(prefix);
  roots.insert(roots.end(), {"/usr/local", "/usr"});
  if (const char* home = std::getenv("HOME")) roots.push_back(fs::path(home) / ".local");
  std::vector<fs::path> sites;
  for (const fs::path& root : roots)
    for (const fs::path& python : folders_named(root / "lib", "python3"))
      for (const char* name : {"site-packages", "dist-packages"}) sites.push_back(python / name);
  std::erase_if(sites, [](const fs::path& site) { return site.is_relative(); });
  return sites;
}

std::vector<fs::path> library_folders(std::string_view wheel_folder) {
  std::vector<fs::path> folders{own_library_folder()};
  for (const fs::path& toolkit : folders_named("/usr/local", "cuda"))
    for (const char* name : {"lib64", "extras/CUPTI/lib64"}) folders.push_back(toolkit / name);
  if (!wheel_folder.empty())
    for (const fs::path& site : python_packages()) folders.push_back(site / "nvidia" / wheel_folder);
  std::erase_if(folders, [](const fs::path& folder) {
    std::error_code ignored;
    return !fs::is_directory(folder, ignored);
  });
  return folders;
}

DynamicLibrary DynamicLibrary::load(const LibraryRequest& request) {
  std::vector<fs::path> candidates;
  const std::vector<fs::path> folders = library_folders(request.wheel_folder);
  const fs::path own = own_library_folder();
  for (const bool before_loader : {true, false}) {
    for (const std::string_view name : request.file_names)
      for (const fs::path& folder : folders)
        if ((folder == own) == before_loader) candidates.push_back(folder / name);
    if (before_loader)
      for (const std::string_view name : request.file_names) candidates.emplace_back(name);
  }
  std::string refusal;
  for (const fs::path& candidate : candidates) {
    std::error_code ignored;
    if (candidate.has_parent_path() && !fs::exists(candidate, ignored)) continue;
    try {
      return candidate.has_parent_path() ? load_file(candidate) : load_named(candidate);
    } catch (const Error& error) {
      // "Not found" of a bare name is the expected answer; a file that exists and does not load is news.
      if (candidate.has_parent_path()) refusal = error.sentence();
    }
  }
  std::string sentence =
      fmt::format("{} ({}) was not found", request.product, fmt::join(request.file_names, ", "));
  if (!refusal.empty()) sentence = fmt::format("{}: {}", request.product, refusal);
  throw Error("environment.library", sentence + (sentence.ends_with('.') ? "" : "."),
              std::string(request.how_to_get));
}

DynamicLibrary DynamicLibrary::open(const fs::path& file) {
  DynamicLibrary library;
  library.handle_ = dlopen(file.c_str(), load_flags);
  if (!library.handle_)
    throw Error("environment.library",
                fmt::format("{} could not be loaded: {}.", file.string(), loader_words()));
  library.path_ = path_of(library.handle_, file);
  return library;
}

DynamicLibrary DynamicLibrary::load_file(const fs::path& file) { return open(fs::absolute(file)); }

DynamicLibrary DynamicLibrary::load_named(const fs::path& name) {
  const fs::path file = outside_working_directory(name);
  if (file.empty())
    throw Error("environment.library",
                fmt::format("{} lies in the working directory alone, which is no place for libraries.",
                            name.string()));
  return open(file);
}

void* DynamicLibrary::find(const char* symbol) const noexcept {
  return handle_ ? dlsym(handle_, symbol) : nullptr;
}

void* DynamicLibrary::require(const char* symbol) const {
  if (void* address = find(symbol)) return address;
  throw Error("environment.library", fmt::format("{} has no function {}.", path_.string(), symbol),
              "Another version of it is needed.");
}

}  // namespace peregrine
