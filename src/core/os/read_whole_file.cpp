#include "core/os/read_whole_file.h"

#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <system_error>

namespace peregrine {

std::optional<std::vector<std::byte>> read_whole_file(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return std::nullopt;  // a pipe might never end
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return std::nullopt;
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return std::vector<std::byte>{bytes.begin(), bytes.end()};
}

}  // namespace peregrine
