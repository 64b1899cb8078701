#include "formats/torch/zip_checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>

#include "formats/advice.h"
#include "formats/pickle/unpickler.h"
#include "formats/torch/zip_archive.h"
#include "peregrine/error.h"

namespace peregrine::torch {

namespace {

void reverse_elements(std::vector<std::byte>& bytes, std::size_t width) {
  for (std::size_t i = 0; i + width <= bytes.size(); i += width)
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                 bytes.begin() + static_cast<std::ptrdiff_t>(i + width));
}

class ZipStorages : public StorageSource {
 public:
  ZipStorages(ZipArchive archive, std::string folder, bool foreign_order)
      : archive_(std::move(archive)), folder_(std::move(folder)), foreign_order_(foreign_order) {}

  std::span<const std::byte> bytes(const StorageReference& storage) override {
    const auto known = read_.find(storage.key);
    if (known != read_.end()) return known->second;
    std::vector<std::byte> bytes = archive_.read(folder_ + "/data/" + storage.key);
    if (bytes.size() < static_cast<std::size_t>(storage.elements * storage.element_bytes))
      throw Error("model.truncated",
                  fmt::format("storage '{}' has fewer bytes than its {} elements need", storage.key,
                              storage.elements),
                  "The file is damaged; copy or download it again.");
    if (foreign_order_) reverse_elements(bytes, static_cast<std::size_t>(storage.element_bytes));
    return read_.emplace(storage.key, std::move(bytes)).first->second;
  }

 private:
  ZipArchive archive_;
  std::string folder_;
  bool foreign_order_;
  std::map<std::string, std::vector<std::byte>> read_;  ///< tensors may share a storage
};

/// The folder that everything lies in.
std::string find_folder(const ZipArchive& archive) {
  for (const std::string& name : archive.names()) {
    const std::size_t slash = name.find('/');
    if (slash != std::string::npos && name.substr(slash) == "/data.pkl") return name.substr(0, slash);
  }
  throw Error("model.unknown", "the archive has no data.pkl, so torch.save did not write it",
              advice::known_files);
}

bool has_foreign_order(const ZipArchive& archive, const std::string& folder) {
  const std::string entry = folder + "/byteorder";
  if (!archive.contains(entry)) return false;  // older files: always little-endian
  const std::vector<std::byte> mark = archive.read(entry);
  const std::string_view order(reinterpret_cast<const char*>(mark.data()), mark.size());
  if (order != "little" && order != "big")
    throw Error("model.damaged", fmt::format("the byte order mark is neither 'little' nor 'big'"),
                "Copy or download the file again.");
  return (order == "big") != (std::endian::native == std::endian::big);
}

}  // namespace

OpenedFile open_zip(std::span<const std::byte> file) {
  ZipArchive archive(file);
  std::string folder = find_folder(archive);
  if (archive.contains(folder + "/constants.pkl"))
    throw Error("model.unknown",
                "the file is a TorchScript program, which carries code instead of a module tree",
                "Give the checkpoint that it was exported from, or export that to ONNX.");
  const std::vector<std::byte> bytes = archive.read(folder + "/data.pkl");
  std::unique_ptr<pickle::Document> document = pickle::parse(bytes).document;
  const bool foreign_order = has_foreign_order(archive, folder);
  return {std::move(document),
          std::make_unique<ZipStorages>(std::move(archive), std::move(folder), foreign_order)};
}

}  // namespace peregrine::torch
