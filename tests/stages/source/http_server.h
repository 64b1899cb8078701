// A web server for tests: on this machine, one connection after another, each path with the bytes of its
// whole answer.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <string>
#include <thread>
#include <utility>

#include "stages/source/listener.h"

namespace peregrine::test {

class HttpServer {
 public:
  /// An answer "" keeps the connection and says nothing.
  explicit HttpServer(std::map<std::string, std::string> answers)
      : answers_(std::move(answers)), thread_([this] { serve(); }) {}
  ~HttpServer() {
    listener_.stop();
    thread_.join();
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string address(const std::string& path) const { return listener_.address("http", path); }

 private:
  void serve() {
    for (int client = 0; (client = listener_.accept()) >= 0; ::close(client)) {
      std::string request;
      char block[4096];
      for (ssize_t n = 1; n > 0 && request.find("\r\n\r\n") == request.npos;) {
        n = ::recv(client, block, sizeof block, 0);
        if (n > 0) request.append(block, static_cast<std::size_t>(n));
      }
      const std::size_t from = request.find(' ') + 1;
      const auto answer = answers_.find(request.substr(from, request.find(' ', from) - from));
      const std::string text =
          answer == answers_.end() ? "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" : answer->second;
      for (std::size_t sent = 0; sent < text.size();) {
        const ssize_t n = ::send(client, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += static_cast<std::size_t>(n);
      }
      if (text.empty()) ::recv(client, block, sizeof block, 0);  // until the other side hangs up
    }
  }

  std::map<std::string, std::string> answers_;
  Listener listener_;
  std::thread thread_;
};

}  // namespace peregrine::test
