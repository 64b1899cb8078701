// A web server for tests: on this machine, one connection after another, each path with the bytes of its
// whole answer.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace peregrine::test {

class HttpServer {
 public:
  /// An answer "" keeps the connection and says nothing.
  explicit HttpServer(std::map<std::string, std::string> answers)
      : answers_(std::move(answers)), socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(socket_, 4) != 0 ||
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length) != 0)
      throw std::runtime_error("no socket");
    host_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  ~HttpServer() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string address(const std::string& path) const { return "http://" + host_ + path; }

 private:
  void serve() {
    for (int client = 0; (client = ::accept(socket_, nullptr, nullptr)) >= 0; ::close(client)) {
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
  int socket_;
  std::string host_;
  std::thread thread_;
};

}  // namespace peregrine::test
