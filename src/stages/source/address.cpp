#include "stages/source/address.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "stages/source/video/video.h"

namespace peregrine::source {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return result;
}

/// Where the userinfo of an address ends ('@'), or npos. A password may hold '@', and by mistake '/' as well:
/// then what stands before the '/' ends in no port number.
std::size_t end_of_userinfo(const std::string& address, std::size_t authority) {
  const std::size_t end = std::min(address.find_first_of("/?#", authority), address.size());
  const std::size_t at = address.rfind('@', end);
  if (at != std::string::npos && at >= authority && at < end) return at;
  const std::size_t colon = address.find(':', authority);
  if (colon == std::string::npos || colon > end || address[authority] == '[') return std::string::npos;
  const std::string_view port = std::string_view(address).substr(colon + 1, end - colon - 1);
  const bool number = std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  const std::size_t last = address.rfind('@');
  return !number && last != std::string::npos && last > end ? last : std::string::npos;
}

bool grants_access(std::string_view parameter) {
  constexpr std::array<std::string_view, 9> words = {"token", "key",  "sig",        "secret", "pass",
                                                     "pwd",   "auth", "credential", "session"};
  const std::string name = lower(parameter);
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return name.find(word) != name.npos; });
}

std::string without_query_secrets(const std::string& address) {
  const std::size_t query = address.find('?');
  if (query == std::string::npos) return address;
  std::string shown = address.substr(0, query + 1);
  for (std::size_t at = query + 1; at < address.size();) {
    const std::size_t end = std::min(address.find_first_of("&;#", at), address.size());
    const std::size_t equals = std::min(address.find('=', at), end);
    const std::string_view name = std::string_view(address).substr(at, equals - at);
    shown += equals < end && grants_access(name) ? std::string(name) + "=***" : address.substr(at, end - at);
    if (end < address.size()) shown += address[end];
    at = end + 1;
  }
  return shown;
}

}  // namespace

bool is_stream(const std::string& argument) {
  return argument == "-" || argument.starts_with("rtsp://") || argument.starts_with("rtsps://");
}

bool is_web_address(const std::string& argument) {
  const std::string scheme = lower(std::string_view(argument).substr(0, 8));
  return scheme.starts_with("http://") || scheme == "https://";
}

std::string lower_extension(const std::filesystem::path& path) { return lower(path.extension().native()); }

std::string address_extension(const std::string& address) {
  return lower_extension(address.substr(0, address.find_first_of("?#")));
}

bool is_video_extension(const std::string& extension) {
  constexpr std::array<std::string_view, 21> extensions = {
      ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm",  ".mpg",  ".mpeg", ".ts",  ".mts", ".m2ts",
      ".wmv", ".asf", ".flv", ".3gp", ".ogv", ".mjpeg", ".mjpg", ".h264", ".264", ".hevc"};
  return std::find(extensions.begin(), extensions.end(), extension) != extensions.end();
}

bool names_a_video(const std::string& argument) {
  return is_stream(argument) || (!is_web_address(argument) && is_video_extension(lower_extension(argument)));
}

std::string without_password(const std::string& address) {
  const std::size_t scheme = address.find("://");
  if (scheme == std::string::npos) return address;
  const std::size_t at = end_of_userinfo(address, scheme + 3), colon = address.find(':', scheme + 3);
  if (at == std::string::npos || colon > at) return without_query_secrets(address);
  return without_query_secrets(address.substr(0, colon + 1) + "***" + address.substr(at));
}

std::string without_credentials(const std::string& address) {
  const std::size_t scheme = address.find("://");
  if (scheme == std::string::npos) return address;
  const std::size_t at = end_of_userinfo(address, scheme + 3);
  return without_query_secrets(
      at == std::string::npos ? address : address.substr(0, scheme + 3) + "***" + address.substr(at));
}

}  // namespace peregrine::source
