// No output takes the place of a file that the same command reads, by whatever path either is reached.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace peregrine {

/// Filled before any work is done. Files are told apart by device and inode (symbolic and hard links, bind
/// mounts, "./") and by their canonical path. Only regular files count: what is written to a pipe or a
/// terminal replaces nothing.
class OutputGuard {
 public:
  /// `what` is how messages call it: "the source". Of a folder all files count, at any depth; what is not
  /// there is left out.
  void reads(const std::filesystem::path& path, std::string what);
  /// `flag` is the one that named it: "--json". An empty path and "-" (standard output) are left out.
  void writes(const std::filesystem::path& path, std::string flag);

  /// Throws Error "usage.output" where an output, standard output included, is one of the inputs, or two
  /// outputs are one file.
  void check() const;
  /// The same of one output more.
  void check(const std::filesystem::path& output, const std::string& flag) const;

 private:
  struct File {
    std::filesystem::path path;
    std::string name;  ///< of an input: what it is; of an output: its flag
  };
  using Inode = std::pair<dev_t, ino_t>;

  void index_inputs() const;
  void index_file(const std::filesystem::path& path, const File& input) const;
  void refuse_inode(const Inode& inode, const std::string& output) const;

  std::vector<File> inputs_, outputs_;
  /// Made when the first output that exists is asked for: data sets have many files.
  mutable std::map<Inode, File> by_inode_;
  mutable std::map<std::filesystem::path, File> by_path_;
  mutable std::size_t indexed_ = 0;
};

}  // namespace peregrine
