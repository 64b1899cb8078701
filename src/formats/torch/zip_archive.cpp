#include "formats/torch/zip_archive.h"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>

#include "peregrine/error.h"

namespace peregrine {

namespace {

/// torch.save stores without compression; an honest archive stays near its own size.
constexpr std::uint64_t most_expansion = 16;

zip_t* as_zip(void* archive) { return static_cast<zip_t*>(archive); }

Error damaged(const std::string& entry) {
  return {"model.damaged", fmt::format("entry '{}' of the archive is damaged", entry),
          "Copy or download the file again."};
}

zip_t* open(std::span<const std::byte> file) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(file.data(), file.size(), 0, &error);
  zip_t* archive = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : nullptr;
  if (!archive) zip_source_free(source);
  zip_error_fini(&error);
  return archive;
}

}  // namespace

void ZipArchive::Close::operator()(void* archive) const noexcept { zip_discard(as_zip(archive)); }

ZipArchive::ZipArchive(std::span<const std::byte> file) : archive_(open(file)) {
  if (!archive_)
    throw Error("model.truncated", "the archive has no complete directory",
                "The file is incomplete; copy or download it again.");
  const zip_int64_t count = zip_get_num_entries(as_zip(archive_.get()), 0);
  std::uint64_t claimed = 0;
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t entry;
    if (zip_stat_index(as_zip(archive_.get()), static_cast<zip_uint64_t>(i), 0, &entry) != 0 ||
        (entry.valid & (ZIP_STAT_NAME | ZIP_STAT_SIZE)) != (ZIP_STAT_NAME | ZIP_STAT_SIZE))
      throw damaged(fmt::format("number {}", i));
    const std::uint64_t allowed = file.size() * most_expansion;
    if (entry.size > allowed - claimed)
      throw Error("model.size",
                  fmt::format("the archive claims to unpack to more than {} times its size", most_expansion),
                  "No checkpoint does: do not trust this file.");
    claimed += entry.size;
    names_.emplace_back(entry.name);
  }
}

bool ZipArchive::contains(const std::string& name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

std::vector<std::byte> ZipArchive::read(const std::string& name) const {
  zip_stat_t entry;
  if (zip_stat(as_zip(archive_.get()), name.c_str(), 0, &entry) != 0)
    throw Error("model.damaged", fmt::format("the archive has no entry '{}'", name),
                "Copy or download the file again.");
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> file(
      zip_fopen_index(as_zip(archive_.get()), entry.index, 0), zip_fclose);
  std::vector<std::byte> bytes(static_cast<std::size_t>(entry.size));
  if (!file || zip_fread(file.get(), bytes.data(), bytes.size()) != static_cast<zip_int64_t>(bytes.size()))
    throw damaged(name);
  // The checksum is compared when the end is read.
  std::byte beyond;
  if (zip_fread(file.get(), &beyond, 1) != 0) throw damaged(name);
  return bytes;
}

}  // namespace peregrine
