#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>

#include "core/os/read_when_ready.h"
#include "stages/source/source.h"

namespace peregrine::source {
namespace {

class File {
 public:
  explicit File(const std::filesystem::path& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

[[noreturn]] void unreadable(const Item& item, int error) {
  throw Error("image.unreadable",
              item.display + " cannot be read: " + std::generic_category().message(error) + ".",
              error == EISDIR ? "Name the images in it, or the folder itself as the source."
                              : "Check the file and its permissions.");
}

}  // namespace

std::vector<std::byte> read_file(const Item& item, std::uint64_t max_bytes, const HttpOptions& http) {
  if (item.error) throw *item.error;
  if (item.remote) {
    HttpOptions options = http;
    options.max_bytes = std::min(options.max_bytes, max_bytes);
    return download(item.path.native(), item.display, options);
  }
  const File file(item.path);
  struct stat status {};
  if (file.descriptor() < 0 || ::fstat(file.descriptor(), &status) != 0) unreadable(item, errno);

  if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))
    throw Error("image.unreadable", item.display + " is a device, not an image.",
                "Name a file, a folder of images, a glob or an address.");

  // The size is a first guess only: files grow, and pipes state none.
  std::vector<std::byte> bytes(
      std::min<std::uint64_t>(max_bytes, static_cast<std::uint64_t>(status.st_size)) + 1);
  std::size_t length = 0;
  while (true) {
    const ssize_t count =
        read_when_ready(file.descriptor(), bytes.data() + length, bytes.size() - length, http.stop);
    if (count < 0 && errno == ECANCELED)
      throw Error("interrupted", item.display + " was not read: interrupted.");
    if (count < 0) unreadable(item, errno);
    if (count == 0) break;
    length += static_cast<std::size_t>(count);
    if (length > max_bytes)
      throw Error("image.too_large",
                  item.display + " has more than " + std::to_string(max_bytes >> 20) + " MiB.",
                  "Scale the image down, or store it compressed.");
    if (length == bytes.size()) bytes.resize(std::min<std::uint64_t>(max_bytes + 1, 2 * length + 65536));
  }
  if (length == 0) throw Error("image.empty", item.display + " is empty.", "Copy or download it again.");
  bytes.resize(length);
  return bytes;
}

}  // namespace peregrine::source
