#include "core/os/output_guard.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <system_error>

#include "core/text.h"
#include "peregrine/error.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& output, const std::string& what, const fs::path& input) {
  throw Error(
      "usage.output",
      fmt::format("{} would overwrite {} {}; nothing was written.", output, what, printable(input.native())),
      "Choose another place for it.");
}

std::string described(const fs::path& output, const std::string& flag) {
  return fmt::format("{} {}", flag, printable(output.native()));
}

}  // namespace

void OutputGuard::reads(const fs::path& path, std::string what) {
  if (!path.empty()) inputs_.push_back({path, std::move(what)});
}

void OutputGuard::writes(const fs::path& path, std::string flag) {
  if (!path.empty() && path != "-") outputs_.push_back({path, std::move(flag)});
}

void OutputGuard::index_file(const fs::path& path, const File& input) const {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  const File file{path, input.name};
  by_inode_.emplace(Inode{status.st_dev, status.st_ino}, file);
  std::error_code error;
  if (const fs::path canonical = fs::canonical(path, error); !error) by_path_.emplace(canonical, file);
}

void OutputGuard::index_inputs() const {
  for (; indexed_ < inputs_.size(); ++indexed_) {
    const File& input = inputs_[indexed_];
    std::error_code error;
    if (!fs::is_directory(input.path, error)) {
      index_file(input.path, input);
      continue;
    }
    constexpr auto options = fs::directory_options::skip_permission_denied;
    for (fs::recursive_directory_iterator entry(input.path, options, error), end; !error && entry != end;
         entry.increment(error))
      index_file(entry->path(), input);
  }
}

void OutputGuard::refuse_inode(const Inode& inode, const std::string& output) const {
  index_inputs();
  if (const auto found = by_inode_.find(inode); found != by_inode_.end())
    refuse(output, found->second.name, found->second.path);
}

void OutputGuard::check(const fs::path& output, const std::string& flag) const {
  struct stat status {};
  if (::stat(output.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return;  // there is nothing to lose
  refuse_inode({status.st_dev, status.st_ino}, described(output, flag));
  std::error_code error;
  const fs::path canonical = fs::canonical(output, error);
  if (const auto found = by_path_.find(canonical); !error && found != by_path_.end())
    refuse(described(output, flag), found->second.name, found->second.path);
}

void OutputGuard::check() const {
  struct stat status {};
  if (::fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode))
    refuse_inode({status.st_dev, status.st_ino}, "Standard output");
  std::map<fs::path, const File*> places;
  for (const File& output : outputs_) {
    check(output.path, output.name);
    std::error_code error;
    fs::path place = fs::weakly_canonical(fs::absolute(output.path, error), error);
    if (error) place = output.path;
    const auto [found, added] = places.emplace(place, &output);
    if (!added && !fs::is_other(place, error))
      throw Error(
          "usage.output",
          fmt::format("{} and {} are one file: the one would overwrite the other; nothing was written.",
                      described(found->second->path, found->second->name),
                      described(output.path, output.name)),
          "Choose a place for each.");
  }
}

}  // namespace peregrine
