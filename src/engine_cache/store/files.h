// Files that survive a crash, and locks between processes. Each change to the disk is a crash point
// (core/os/crash_point.h).
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace peregrine::store {

/// Whole contents; nothing when there is no such file. Throws "store.read".
std::optional<std::string> read_if_exists(const std::filesystem::path& path);
/// SHA-256 of a file's contents, under the same conditions.
std::optional<std::string> digest_of(const std::filesystem::path& path);

/// Writes PATH.new, syncs it, renames it to PATH and syncs the folder: after a crash PATH is the old file or
/// the new one. The caller holds the lock that guards PATH. Throws "store.write"; PATH.new is then gone.
void replace_file(const std::filesystem::path& path, std::span<const std::byte> contents);
void replace_file(const std::filesystem::path& path, std::string_view contents);

// Throw "store.write".
void make_folders(const std::filesystem::path& path);
void rename_file(const std::filesystem::path& from, const std::filesystem::path& to);
/// `to` becomes a second name of the file `from`, or a copy where the file system gives none. `from` is never
/// written again.
void link_or_copy_file(const std::filesystem::path& from, const std::filesystem::path& to);
void remove_file(const std::filesystem::path& path);
/// A folder with files; what is gone already is no error.
void remove_folder(const std::filesystem::path& path);

/// Exclusive lock on a file, which is made and stays. Released by the destructor, and by the kernel when the
/// process dies. Not recursive; two locks of one process exclude each other as well.
class FileLock {
 public:
  /// Waits; `waiting` is called once when somebody else holds it.
  explicit FileLock(const std::filesystem::path& path, const std::function<void()>& waiting = {});
  /// Nothing when somebody else holds it.
  static std::optional<FileLock> try_lock(const std::filesystem::path& path);
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;

 private:
  explicit FileLock(int file) : file_(file) {}
  int file_ = -1;
};

}  // namespace peregrine::store
