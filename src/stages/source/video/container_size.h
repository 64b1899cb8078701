// Reads how long a video's file has to be, as the file itself states it: a truncated file has fewer bytes.
// Private to src/stages/source.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace peregrine::source {

struct ContainerSize {
  std::uint64_t stated =
      0;  ///< bytes at least; 0: it does not say, as live recordings and streams of packets do not
  std::uint64_t present = 0;
  bool avi = false;
  bool has_index = false;  ///< an AVI: of all its frames

  bool cut() const { return stated > present; }
  bool whole() const { return stated > 0 && !cut(); }
  /// "it has 100 of the 200 bytes that its container states".
  std::string sentence() const;
};

/// Of Matroska and WebM (its segment), AVI (its RIFF chunks, or where their size was never filled in the
/// chunks within) and MP4 and MOV (the last box); of others nothing.
ContainerSize container_size(const std::filesystem::path& file);

/// Whether a file begins as a container or a stream of video does, as far as it goes. Text does not.
bool begins_as_video(const std::filesystem::path& file);

/// As MJPEG without a container does.
bool begins_with_jpeg(const std::filesystem::path& file);

}  // namespace peregrine::source
