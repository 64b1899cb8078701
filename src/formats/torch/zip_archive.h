// A zip archive in memory, read whole entry by whole entry.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace peregrine {

class ZipArchive {
 public:
  /// `file` must outlive the archive. Throws Error "model.truncated" when it is no complete archive and
  /// "model.size" when its entries claim more than sixteen times the file's size.
  explicit ZipArchive(std::span<const std::byte> file);

  const std::vector<std::string>& names() const noexcept { return names_; }
  bool contains(const std::string& name) const;
  /// Contents of an entry, its checksum verified. Throws Error "model.damaged" naming the entry.
  std::vector<std::byte> read(const std::string& name) const;

 private:
  struct Close {
    void operator()(void* archive) const noexcept;
  };
  std::unique_ptr<void, Close> archive_;
  std::vector<std::string> names_;
};

}  // namespace peregrine
