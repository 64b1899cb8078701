#include "stages/source/http.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "stages/source/http_server.h"
#include "stages/source/source.h"

namespace peregrine::source {
namespace {

using testing::HasSubstr;

std::string answer(const std::string& body, std::size_t stated) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(stated) +
         "\r\n\r\n" + body;
}
std::string moved(const std::string& to) {
  return "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + to + "\r\n\r\n";
}

class Http : public testing::Test {
 protected:
  Http() { ::setenv("no_proxy", "127.0.0.1", 1); }

  /// What an address gives: its bytes, or the code of the error, whose sentence is kept.
  std::string fetched(const std::string& address, const HttpOptions& options = {}) {
    const Item item = expand({address}).items.at(0);
    try {
      const std::vector<std::byte> bytes = read_file(item, default_max_bytes, options);
      return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    } catch (const Error& error) {
      sentence_ = error.sentence();
      EXPECT_THAT(sentence_, testing::StartsWith(item.display));
      EXPECT_THAT(sentence_ + error.hint(), testing::Not(HasSubstr("secret")));
      EXPECT_EQ(error.hint().empty(), error.code() == "interrupted");
      return error.code();
    }
  }
  std::string at(const std::string& path) const { return server_.address(path); }

  test::HttpServer server_{{
      {"/a.jpg", answer("pixels", 6)},
      {"/unstated", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + std::string(3000, 'p')},
      {"/large", answer(std::string(3000, 'p'), 3000)},
      {"/cut", answer("pix", 6)},
      {"/empty", answer("", 0)},
      {"/moved", moved("/a.jpg")},
      {"/loop", moved("/loop")},
      {"/file", moved("file:///etc/passwd")},
      {"/ftp", moved("ftp://127.0.0.1/a.jpg")},
      {"/private", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"},
      {"/broken", "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"},
      {"/silent", ""},
  }};
  std::string sentence_;
};

TEST_F(Http, GivesTheBody) {
  EXPECT_EQ(fetched(at("/a.jpg")), "pixels");
  EXPECT_EQ(fetched(at("/moved")), "pixels");
  EXPECT_EQ(fetched(at("/unstated")).size(), 3000u);
}

TEST_F(Http, StatusesAreErrors) {
  EXPECT_EQ(fetched(at("/absent?token=secret")), "source.http");
  EXPECT_THAT(sentence_, HasSubstr("HTTP status 404, nothing is there."));
  EXPECT_EQ(fetched(at("/private")), "source.http");
  EXPECT_THAT(sentence_, HasSubstr("HTTP status 401, no access."));
  EXPECT_EQ(fetched(at("/broken")), "source.http");
}

TEST_F(Http, SizeIsLimitedStatedOrNot) {
  EXPECT_EQ(fetched(at("/large"), {.max_bytes = 2999}), "image.too_large");
  EXPECT_EQ(fetched(at("/unstated"), {.max_bytes = 2999}), "image.too_large");
  EXPECT_EQ(fetched(at("/large"), {.max_bytes = 3000}).size(), 3000u);
}

TEST_F(Http, BodiesThatAreNotWhole) {
  EXPECT_EQ(fetched(at("/cut")), "image.truncated");
  EXPECT_EQ(fetched(at("/empty")), "image.empty");
}

TEST_F(Http, RedirectsAreLimitedInNumberAndKind) {
  EXPECT_EQ(fetched(at("/loop")), "source.http");
  EXPECT_THAT(sentence_, HasSubstr("redirects more than 5 times"));
  EXPECT_EQ(fetched(at("/file")), "source.http");
  EXPECT_THAT(sentence_, HasSubstr("neither http:// nor https://"));
  EXPECT_EQ(fetched(at("/ftp")), "source.http");
}

TEST_F(Http, ASilentServerEndsByTheLimitOrByTheCaller) {
  EXPECT_EQ(fetched(at("/silent"), {.seconds = 0.05}), "source.timeout");
  EXPECT_EQ(fetched(at("/silent"), {.stop = [] { return true; }}), "interrupted");
}

TEST_F(Http, WhereNobodyAnswers) {
  std::string closed;
  {
    const test::HttpServer gone{{}};
    closed = gone.address("/a.jpg");
  }
  EXPECT_EQ(fetched(closed.insert(7, "user:secret@")), "source.unreadable");
  EXPECT_THAT(sentence_, HasSubstr("http://***@127.0.0.1"));
}

}  // namespace
}  // namespace peregrine::source
