// Writes zip archives without compression, as torch.save does, honest or not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace peregrine::test {

struct ZipEntry {
  std::string name, bytes;
  std::optional<std::uint32_t> claimed_size = std::nullopt;  ///< what the directory says instead of the truth
};

std::string write_zip(const std::vector<ZipEntry>& entries);

}  // namespace peregrine::test
