// Reads how long a video's file has to be, as the file itself states it: a truncated file has fewer bytes.
// Private to src/stages/source.
#pragma once

#include <cstdint>
#include <filesystem>

namespace peregrine::source {

struct ContainerSize {
  std::uint64_t stated =
      0;  ///< bytes at least; 0: it does not say, as live recordings and streams of packets do not
  std::uint64_t present = 0;

  bool cut() const { return stated > present; }
  bool whole() const { return stated > 0 && !cut(); }
};

/// Of Matroska and WebM (its segment), AVI (its RIFF chunks) and MP4 and MOV (the last box); of others
/// nothing.
ContainerSize container_size(const std::filesystem::path& file);

}  // namespace peregrine::source
