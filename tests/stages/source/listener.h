// A listening socket of this machine, for servers of tests.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

namespace peregrine::test {

/// On a free port of the loopback.
class Listener {
 public:
  Listener() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(socket_, 4) != 0 ||
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length) != 0)
      throw std::runtime_error("no socket");
    host_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~Listener() { ::close(socket_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// "rtsp://127.0.0.1:40000/path".
  std::string address(const std::string& scheme, const std::string& path) const {
    return scheme + "://" + host_ + path;
  }
  /// The next client's socket; negative after stop().
  int accept() const { return ::accept(socket_, nullptr, nullptr); }
  /// Whoever waits in accept() returns.
  void stop() const { ::shutdown(socket_, SHUT_RDWR); }

 private:
  int socket_;
  std::string host_;
};

}  // namespace peregrine::test
