// One GET by libcurl, whose headers stay in this file.
#include "stages/source/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <new>
#include <string_view>

#include "peregrine/error.h"
#include "peregrine/version.h"

namespace peregrine::source {
namespace {

class Download {
 public:
  Download(const std::string& address, const std::string& display, const HttpOptions& options)
      : display_(display), options_(options), handle_(curl_easy_init()) {
    if (!handle_) throw std::bad_alloc();
    set(CURLOPT_URL, address.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 1L);
    set(CURLOPT_MAXREDIRS, options.redirects);
    set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(options.connect_seconds));
    set(CURLOPT_TIMEOUT_MS, milliseconds(options.seconds));
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_USERAGENT, (std::string("peregrine/") + version).c_str());
    set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(options.max_bytes));  // where the length is stated
    set(CURLOPT_WRITEFUNCTION, &Download::on_body);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &Download::on_progress);
    set(CURLOPT_XFERINFODATA, this);
  }

  std::vector<std::byte> run() {
    const CURLcode code = curl_easy_perform(handle_.get());
    if (stopped_) throw Error("interrupted", display_ + " was not fetched: interrupted.");
    if (too_large_ || code == CURLE_FILESIZE_EXCEEDED) fail_too_large();
    if (code != CURLE_OK) fail(code);
    long status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status > 299) fail_status(status);
    if (body_.empty())
      throw Error("image.empty", display_ + " is empty: the server sent nothing.", "Check the address.");
    return std::move(body_);
  }

 private:
  struct Close {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  };

  template <class Value>
  void set(CURLoption option, Value value) {
    if (curl_easy_setopt(handle_.get(), option, value) == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
  }

  /// 0 would be libcurl's own limit or none.
  static long milliseconds(double seconds) { return std::max(1L, std::lround(seconds * 1000)); }

  static std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* self) {
    auto& download = *static_cast<Download*>(self);
    const std::size_t length = size * count;
    download.too_large_ = length > download.options_.max_bytes - download.body_.size();
    if (download.too_large_) return 0;
    try {
      const auto* from = reinterpret_cast<const std::byte*>(bytes);
      download.body_.insert(download.body_.end(), from, from + length);
    } catch (const std::bad_alloc&) {
      return 0;
    }
    return length;
  }

  static int on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    auto& download = *static_cast<Download*>(self);
    download.stopped_ = download.options_.stop && download.options_.stop();
    return download.stopped_ ? 1 : 0;
  }

  [[noreturn]] void fail_too_large() const {
    throw Error("image.too_large",
                display_ + " has more than " + std::to_string(options_.max_bytes >> 20) + " MiB.",
                "Download it and name the file, or scale the image down.");
  }

  [[noreturn]] void fail_status(long status) const {
    const bool access = status == 401 || status == 403 || status == 407;
    const bool gone = status == 404 || status == 410;
    throw Error("source.http",
                display_ + " cannot be fetched: the server answers with HTTP status " +
                    std::to_string(status) +
                    (gone     ? ", nothing is there."
                     : access ? ", no access."
                              : "."),
                access ? "Check what the server wants for access, or download the image and name the file."
                       : "Check the address; where it is right, try again later.");
  }

  [[noreturn]] void fail(CURLcode code) const {
    const std::string fetched = display_ + " cannot be fetched: ";
    switch (code) {
      case CURLE_OPERATION_TIMEDOUT:
        throw Error("source.timeout", display_ + " has not arrived in time.",
                    "Check the address and the network.");
      case CURLE_TOO_MANY_REDIRECTS:
        throw Error("source.http",
                    fetched + "it redirects more than " + std::to_string(options_.redirects) + " times.",
                    "Give the address at which the image lies.");
      case CURLE_UNSUPPORTED_PROTOCOL:
        throw Error("source.http",
                    fetched + "it redirects to an address that is neither http:// nor https://.",
                    "Give the address at which the image lies.");
      case CURLE_PARTIAL_FILE:
      case CURLE_RECV_ERROR:
        if (!body_.empty())
          throw Error("image.truncated", display_ + " ends before its stated length.", "Try again later.");
        break;
      case CURLE_OUT_OF_MEMORY:
      case CURLE_WRITE_ERROR: throw std::bad_alloc();
      default: break;
    }
    throw Error("source.unreadable", fetched + curl_easy_strerror(code) + ".",
                "Check the address and the network.");
  }

  const std::string& display_;
  const HttpOptions& options_;
  std::unique_ptr<CURL, Close> handle_;
  std::vector<std::byte> body_;
  bool too_large_ = false, stopped_ = false;
};

}  // namespace

std::vector<std::byte> download(const std::string& address, const std::string& display,
                                const HttpOptions& options) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (ready != CURLE_OK) throw std::bad_alloc();
  return Download(address, display, options).run();
}

}  // namespace peregrine::source
