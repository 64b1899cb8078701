#include "engine_cache/store/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "core/os/crash_point.h"
#include "core/sha256.h"
#include "core/text.h"
#include "peregrine/error.h"

namespace peregrine::store {

namespace {

namespace fs = std::filesystem;

/// Small enough that a plan of a few hundred kilobytes can be cut by a crash between two of them.
constexpr std::size_t chunk = std::size_t{64} << 10;

[[noreturn]] void fail_writing(const fs::path& path, int error) {
  const char* hint = "Choose a store that can be written (--store, or the setting STORE).";
  if (error == ENOSPC || error == EDQUOT || error == EFBIG)
    hint = "The store is as it was. Free some space, or choose another place with --store.";
  throw Error(
      "store.write",
      printable(path.native()) + " cannot be written: " + std::generic_category().message(error) + ".", hint);
}

/// A file descriptor with its name for errors.
class OpenFile {
 public:
  OpenFile(const fs::path& path, int flags)
      : path_(path), file_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (file_ < 0) fail_writing(path, errno);
  }
  ~OpenFile() {
    if (file_ >= 0) ::close(file_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(file_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail_writing(path_, errno);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }
  void sync() {
    if (::fsync(file_) != 0) fail_writing(path_, errno);
  }
  void close() {  // network file systems report a full disk here
    if (::close(std::exchange(file_, -1)) != 0) fail_writing(path_, errno);
  }

 private:
  fs::path path_;
  int file_;
};

/// A rename or unlink is on the disk when its folder is.
void sync_folder(const fs::path& path) {
  crash_point("folder.sync");
  OpenFile folder(path, O_RDONLY | O_DIRECTORY);
  folder.sync();
}

void write_new_file(const fs::path& path, std::span<const std::byte> contents) {
  crash_point("file.create");
  OpenFile file(path, O_WRONLY | O_CREAT | O_TRUNC);
  for (std::size_t at = 0; at < contents.size(); at += chunk) {
    crash_point("file.write");
    file.write(contents.subspan(at, std::min(chunk, contents.size() - at)));
  }
  crash_point("file.sync");
  file.sync();
  file.close();
}

}  // namespace

std::optional<std::string> read_if_exists(const fs::path& path) {
  const auto fail = [&](int error) -> Error {
    return {"store.read",
            printable(path.native()) + " cannot be read: " + std::generic_category().message(error) + ".",
            ""};
  };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (file < 0) throw fail(errno);
  std::string contents;
  struct stat facts {};
  if (::fstat(file, &facts) == 0) contents.resize(static_cast<std::size_t>(facts.st_size));
  std::size_t have = 0;
  int error = 0;
  while (have < contents.size()) {
    const ssize_t got = ::read(file, contents.data() + have, contents.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) error = errno;
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  ::close(file);
  if (error) throw fail(error);
  contents.resize(have);
  return contents;
}

std::optional<std::string> digest_of(const fs::path& path) {
  const auto contents = read_if_exists(path);
  return contents ? std::optional(sha256_hex(*contents)) : std::nullopt;
}

void replace_file(const fs::path& path, std::span<const std::byte> contents) {
  fs::path fresh = path;
  fresh += ".new";
  try {
    write_new_file(fresh, contents);
    rename_file(fresh, path);
  } catch (const Error&) {
    ::unlink(fresh.c_str());
    throw;
  }
}

void replace_file(const fs::path& path, std::string_view contents) {
  replace_file(path, std::as_bytes(std::span(contents)));
}

void make_folders(const fs::path& path) {
  if (fs::is_directory(path)) return;
  crash_point("folder.make");
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail_writing(path, error.value());
  sync_folder(path.parent_path());
}

void rename_file(const fs::path& from, const fs::path& to) {
  crash_point("file.rename");
  if (::rename(from.c_str(), to.c_str()) != 0) fail_writing(to, errno);
  sync_folder(to.parent_path());
}

void link_or_copy_file(const fs::path& from, const fs::path& to) {
  std::error_code absent;
  if (fs::equivalent(from, to, absent)) return;  // rename() between two names of one file does nothing
  fs::path fresh = to;
  fresh += ".new";
  ::unlink(fresh.c_str());  // of one that died
  crash_point("file.link");
  if (::link(from.c_str(), fresh.c_str()) == 0) return rename_file(fresh, to);
  const auto contents = read_if_exists(from);
  if (!contents) fail_writing(to, ENOENT);
  replace_file(to, *contents);
}

void remove_file(const fs::path& path) {
  crash_point("file.remove");
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail_writing(path, errno);
  sync_folder(path.parent_path());
}

void remove_folder(const fs::path& path) {
  crash_point("folder.remove");
  std::error_code error;
  fs::remove_all(path, error);
  if (error) fail_writing(path, error.value());
}

FileLock::FileLock(const fs::path& path, const std::function<void()>& waiting) {
  if (auto free = try_lock(path)) {
    file_ = std::exchange(free->file_, -1);
    return;
  }
  if (waiting) waiting();
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0) fail_writing(path, errno);
  while (::flock(file_, LOCK_EX) != 0)
    if (errno != EINTR) fail_writing(path, errno);
}

std::optional<FileLock> FileLock::try_lock(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) fail_writing(path, errno);
  if (::flock(file, LOCK_EX | LOCK_NB) == 0) return FileLock(file);
  const int error = errno;
  ::close(file);
  if (error != EWOULDBLOCK) fail_writing(path, error);
  return std::nullopt;
}

FileLock::~FileLock() {
  if (file_ >= 0) ::close(file_);
}

FileLock::FileLock(FileLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

}  // namespace peregrine::store
