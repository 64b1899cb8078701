// Expands source arguments: files, folders, globs, lists, images of the web, videos and cameras.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "peregrine/error.h"
#include "peregrine/results.h"
#include "stages/source/http.h"

namespace peregrine::source {

struct Item {
  std::filesystem::path path;
  std::string display;         ///< valid UTF-8, for messages and JSON; addresses without their credentials
  std::optional<Error> error;  ///< the argument gave nothing to read; read_file throws it
  bool video = false;          ///< for VideoReader(path, display): file by its extension, RTSP address, "-"
  bool remote = false;         ///< http:// or https://: read_file downloads it
};

struct Expansion {
  std::vector<Item> items;
  std::vector<LeftOut> left_out;  ///< of each folder, glob and list that holds something else as well
};

enum class Take { images_and_videos, image_files };

/// Expands arguments in order:
/// - "-" (standard input), rtsp:// and rtsps:// addresses, http:// and https:// addresses of images:
/// themselves;
/// - a .txt or .csv file that is no image: the sources that it lists (list.h);
/// - what else exists and is a file or a pipe: itself, whatever its name; devices and sockets are refused;
/// - a folder: its images (names in .jpg .jpeg .jpe .jfif .mpo .png .bmp .dib .pbm .pgm .ppm .pnm .webp .tif
/// .tiff .gif
///   .avif .avifs .jp2 .j2k .j2c .jpc .jpf .jpx in any case, and files without extension that begin as an
///   image does) and videos, in natural order of their names (2.jpg before 10.jpg), not recursive; the rest
///   is counted in `left_out`;
/// - a glob (* ? [...]): the files that match, in natural order; matching folders and special files
///   are counted in `left_out`.
/// With Take::image_files a folder's videos are left out, and addresses and pipes are refused. An argument
/// that gives nothing costs only itself: it becomes one item with Error "source.missing" (no such file, no
/// match), "source.empty" (folder without images, list without sources), "source.unreadable", "source.list"
/// (not a list, or one within a list) or "source.unsupported" (a video over HTTP, a device ...).
Expansion expand(const std::vector<std::string>& arguments, Take take = Take::images_and_videos);

/// The files of Take::image_files, what is left out logged. Throws the error of an argument that gives
/// nothing.
std::vector<std::filesystem::path> image_files(const std::vector<std::string>& arguments);

/// "left out: 3 .txt, 1 folder, 2 hidden".
std::string describe(const LeftOut& left_out);

/// Says it in the log, a line each.
void log_left_out(const std::vector<LeftOut>& left_out);

/// Larger than the image of the default --max-pixels in any format.
inline constexpr std::uint64_t default_max_bytes = std::uint64_t{2} << 30;

/// Whole file or download. Throws item.error where it is set, else Error "image.unreadable", "image.empty" or
/// "image.too_large", and for addresses what http.h says. `http` counts for addresses alone, but for its
/// `stop`, which ends the wait for a pipe, too (Error "interrupted").
std::vector<std::byte> read_file(const Item& item, std::uint64_t max_bytes = default_max_bytes,
                                 const HttpOptions& http = {});

}  // namespace peregrine::source
