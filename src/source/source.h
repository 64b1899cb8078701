// What to run on: files, folders, globs, videos and cameras.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "peregrine/error.h"

namespace peregrine::source {

struct Item {
  std::filesystem::path path;
  std::string display;         ///< valid UTF-8, for messages and JSON
  std::optional<Error> error;  ///< the argument gave nothing to read; read_file throws it
  bool video = false;          ///< for VideoReader(path, display): file by its extension, RTSP address, "-"
};

/// Expands arguments in order:
/// - "-" (standard input), rtsp:// and rtsps:// addresses: themselves, shown without a password;
/// - what exists and is no folder: itself, whatever its name;
/// - a folder: its pictures (.jpg .jpeg .jpe .jfif .png .bmp .dib .pbm .pgm .ppm .pnm .webp, in any case),
///   hidden ones left out, in natural order of their names (2.jpg before 10.jpg), not recursive;
/// - a glob (* ? [...]): the files that match, in natural order; matching folders are left alone.
/// An argument that gives nothing costs only itself: it becomes one item with Error "source.missing" (no
/// such file, no match), "source.empty" (folder without pictures) or "source.unreadable".
std::vector<Item> expand(const std::vector<std::string>& arguments);

/// Larger than the picture of the default --max-pixels in any format.
inline constexpr std::uint64_t default_max_bytes = std::uint64_t{2} << 30;

/// Whole file. Throws item.error where it is set, else Error "image.unreadable", "image.empty" or "image.too_large".
std::vector<std::byte> read_file(const Item& item, std::uint64_t max_bytes = default_max_bytes);

}  // namespace peregrine::source
