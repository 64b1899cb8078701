#include "core/os/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include "core/text.h"
#include "peregrine/error.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, int error) {
  const char* hint = error == ENOSPC || error == EDQUOT ? "Free some space, or choose another place."
                                                        : "Choose a place that can be written.";
  throw Error(
      "output.write",
      printable(path.native()) + " cannot be written: " + std::generic_category().message(error) + ".", hint);
}

fs::path follow_links(const fs::path& path) {
  std::error_code error;
  const fs::path target = fs::is_symlink(path, error) ? fs::canonical(path, error) : fs::path();
  return target.empty() ? path : target;
}

/// 0, or the error number.
int write_all(int file, std::span<const std::byte> contents) {
  while (!contents.empty()) {
    const ssize_t written = ::write(file, contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    contents = contents.subspan(static_cast<std::size_t>(written));
  }
  return 0;
}

/// There, and no regular file.
bool is_special(const fs::path& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  return fs::exists(status) && !fs::is_regular_file(status);
}

void write_straight(const fs::path& path, const fs::path& named, std::span<const std::byte> contents) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) fail(named, errno);
  const int write_error = write_all(file, contents);
  const int close_error = ::close(file) == 0 ? 0 : errno;  // network file systems report a full disk here
  if (write_error || close_error) fail(named, write_error ? write_error : close_error);
}

}  // namespace

PendingFile::PendingFile(const fs::path& path) : path_(follow_links(path)) {
  static std::atomic<unsigned> counter{0};
  temporary_ = path_.parent_path() / fmt::format(".{}.{}-{}.part{}", path_.stem().native(), ::getpid(),
                                                 counter++, path_.extension().native());
}

PendingFile::~PendingFile() {
  std::error_code ignored;
  if (!committed_) fs::remove(temporary_, ignored);
}

void PendingFile::commit() {
  std::error_code error;
  fs::rename(temporary_, path_, error);
  if (error) fail(path_, error.value());
  committed_ = true;
}

GrowingFile::GrowingFile(const fs::path& path) : path_(path) {
  if (!is_special(path)) pending_.emplace(path);
  const fs::path& place = pending_ ? pending_->temporary() : path_;
  file_ = ::open(place.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file_ < 0) fail(path_, errno);
}

GrowingFile::~GrowingFile() {
  if (file_ >= 0) ::close(file_);
}

void GrowingFile::append(std::string_view text) {
  if (const int error = write_all(file_, std::as_bytes(std::span(text)))) fail(path_, error);
}

void GrowingFile::commit() {
  if (::close(std::exchange(file_, -1)) != 0) fail(path_, errno);
  if (pending_) pending_->commit();
}

bool remove_stale(const fs::path& path) noexcept {
  try {
    std::error_code error;
    return fs::is_regular_file(path, error) && fs::remove(follow_links(path), error);
  } catch (const std::exception&) {  // no memory for a name: the file stays
    return false;
  }
}

void write_file(const fs::path& path, std::span<const std::byte> contents) {
  if (is_special(path)) return write_straight(path, path, contents);
  PendingFile file(path);
  write_straight(file.temporary(), path, contents);
  file.commit();
}

void check_writable(const fs::path& path) {
  if (is_special(path)) {  // a pipe's reader must not see it opened and closed
    if (fs::is_directory(path)) fail(path, EISDIR);
    if (::access(path.c_str(), W_OK) != 0) fail(path, errno);
    return;
  }
  const PendingFile file(path);
  write_straight(file.temporary(), path, {});
}

void write_file(const fs::path& path, std::string_view contents) {
  write_file(path, std::as_bytes(std::span(contents)));
}

}  // namespace peregrine
