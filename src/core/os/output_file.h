// Files appear whole or not at all: written beside their place under a temporary name, then renamed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>

namespace peregrine {

/// The place of a file that is being written. Whoever writes opens temporary(); commit() renames it into
/// place; without commit() the destructor removes it. Throws Error "output.write" only.
class PendingFile {
 public:
  /// `path` may be a symbolic link: its target is replaced.
  explicit PendingFile(const std::filesystem::path& path);
  ~PendingFile();
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  /// Beside the final place, with the same extension; a name that no other writer uses.
  const std::filesystem::path& temporary() const { return temporary_; }
  void commit();

 private:
  std::filesystem::path path_, temporary_;
  bool committed_ = false;
};

/// Writes the whole file or leaves the old one (or none). What is no regular file (/dev/stdout, a pipe) is
/// written straight. Throws Error "output.write".
void write_file(const std::filesystem::path& path, std::span<const std::byte> contents);
void write_file(const std::filesystem::path& path, std::string_view contents);

/// A file that is written piece by piece and appears whole with commit(); what is no regular file is written
/// straight, as it comes. Throws Error "output.write".
class GrowingFile {
 public:
  explicit GrowingFile(const std::filesystem::path& path);
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  void append(std::string_view text);
  void commit();

 private:
  std::filesystem::path path_;
  std::optional<PendingFile> pending_;
  int file_ = -1;
};

/// Removes a regular file, or the target of a link, that would be taken for the answer of a run that failed
/// and that could not be replaced. Says whether it was there and is gone.
bool remove_stale(const std::filesystem::path& path) noexcept;

/// Throws now what write_file() would throw after the work: "output.write" where no file can be made. Leaves
/// nothing.
void check_writable(const std::filesystem::path& path);

}  // namespace peregrine
