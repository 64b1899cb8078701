#include "formats/torch/legacy_checkpoint.h"

#include <fmt/format.h>

#include <map>

#include "formats/pickle/unpickler.h"
#include "formats/torch/checkpoint.h"
#include "peregrine/error.h"

namespace peregrine::torch {

namespace {

constexpr std::size_t count_bytes = 8;

class LegacyStorages : public StorageSource {
 public:
  explicit LegacyStorages(std::map<std::string, std::span<const std::byte>> storages)
      : storages_(std::move(storages)) {}

  std::span<const std::byte> bytes(const StorageReference& storage) override {
    const auto found = storages_.find(storage.key);
    if (found == storages_.end())
      throw Error("model.damaged", fmt::format("the file does not hold storage '{}'", storage.key),
                  "Copy or download the file again.");
    return found->second;
  }

 private:
  std::map<std::string, std::span<const std::byte>> storages_;
};

/// Element sizes by key: the stream does not repeat them.
std::map<std::string, std::int64_t> element_sizes(const pickle::Document& document) {
  std::map<std::string, std::int64_t> sizes;
  for (const pickle::Node& node : document.nodes())
    if (const auto* id = std::get_if<pickle::PersistentId>(&node.content)) {
      const StorageReference storage = storage_reference(*id);
      sizes[storage.key] = storage.element_bytes;
    }
  return sizes;
}

std::int64_t read_count(std::span<const std::byte> bytes) {
  std::uint64_t count = 0;
  for (std::size_t i = count_bytes; i-- > 0;) count = count << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  return static_cast<std::int64_t>(count);
}

}  // namespace

bool is_legacy(std::span<const std::byte> file) {
  try {
    const pickle::Parsed first = pickle::parse(file.first(std::min<std::size_t>(file.size(), 64)));
    const auto* number = pickle::as<pickle::BigInteger>(first.document->root);
    return number &&
           (number->digits == "0x1950a86a20f9469cfc6c" || number->digits == "119547037146038801333356");
  } catch (const Error&) {
    return false;
  }
}

OpenedFile open_legacy(std::span<const std::byte> file) {
  const auto next = [&] {
    pickle::Parsed parsed = pickle::parse(file);
    file = file.subspan(parsed.consumed);
    return std::move(parsed.document);
  };
  for (int skipped = 0; skipped < 3; ++skipped)
    next();  // magic number, version, machine: elements are little-endian on all
  std::unique_ptr<pickle::Document> document = next();
  const std::unique_ptr<pickle::Document> keys = next();

  const std::map<std::string, std::int64_t> sizes = element_sizes(*document);
  std::map<std::string, std::span<const std::byte>> storages;
  for (const pickle::Value& item : pickle::items(keys->root).value_or(std::span<const pickle::Value>())) {
    const std::string* key = pickle::text(item);
    const auto size = key ? sizes.find(*key) : sizes.end();
    if (size == sizes.end())
      throw Error("model.pickle", "the file holds a storage that nothing refers to",
                  "The file is damaged or no checkpoint.");
    const std::int64_t count = file.size() < count_bytes ? -1 : read_count(file);
    if (count < 0 || static_cast<std::uint64_t>(count) >
                         (file.size() - count_bytes) / static_cast<std::uint64_t>(size->second))
      throw Error("model.truncated", fmt::format("the file ends in the middle of storage '{}'", *key),
                  "The file is incomplete; copy or download it again.");
    const auto bytes = static_cast<std::size_t>(count * size->second);
    storages[*key] = file.subspan(count_bytes, bytes);
    file = file.subspan(count_bytes + bytes);
  }
  return {std::move(document), std::make_unique<LegacyStorages>(std::move(storages))};
}

}  // namespace peregrine::torch
