#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <string_view>

#include "source/video.h"

namespace peregrine::source {

bool is_stream(const std::string& argument) {
  return argument == "-" || argument.starts_with("rtsp://") || argument.starts_with("rtsps://");
}

bool names_a_video(const std::string& argument) {
  constexpr std::array<std::string_view, 21> extensions = {".mp4",  ".m4v", ".mov",   ".avi",  ".mkv",  ".webm", ".mpg",
                                                           ".mpeg", ".ts",  ".mts",   ".m2ts", ".wmv",  ".asf",  ".flv",
                                                           ".3gp",  ".ogv", ".mjpeg", ".mjpg", ".h264", ".264",  ".hevc"};
  if (is_stream(argument)) return true;
  std::string extension = std::filesystem::path(argument).extension().native();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::find(extensions.begin(), extensions.end(), extension) != extensions.end();
}

std::string without_password(const std::string& address) {
  const std::size_t scheme = address.find("://");
  if (scheme == std::string::npos) return address;
  const std::size_t host = address.find('@', scheme), path = address.find('/', scheme + 3);
  const std::size_t colon = address.find(':', scheme + 3);
  if (host == std::string::npos || host > path || colon > host) return address;
  return address.substr(0, colon + 1) + "***" + address.substr(host);
}

}  // namespace peregrine::source
