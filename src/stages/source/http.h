// Images of the web: one GET of an http:// or https:// address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace peregrine::source {

struct HttpOptions {
  std::uint64_t max_bytes = std::uint64_t{256} << 20;
  double connect_seconds = 10;
  double seconds = 60;              ///< for all of it, redirects included
  long redirects = 5;               ///< of these, and to http:// and https:// alone
  std::function<bool()> stop = {};  ///< asked several times a second, if set: true gives up
};

/// The body of the last answer. `display` is named in sentences: credentials of the address are in none.
/// Throws Error "source.http" (a status other than 2xx, too many redirects, one to another protocol),
/// "source.timeout", "source.unreadable" (no such host, no answer, a certificate that is not valid),
/// "image.too_large", "image.truncated" (the body ends before its stated length), "image.empty",
/// "interrupted", "source.unsupported" (a build without libcurl).
std::vector<std::byte> download(const std::string& address, const std::string& display,
                                const HttpOptions& options = {});

}  // namespace peregrine::source
