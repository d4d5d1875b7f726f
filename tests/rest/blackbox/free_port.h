// FreePort: a loopback port that nobody else is likely to take, for a server whose port must be known before.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace mom::blackbox {

// Bound while it lives, so that the system gives the port to nobody who asks for any; a server that sets
// SO_REUSEADDR can listen on it, until Listen(). Not thread-safe.
class FreePort {
 public:
  FreePort() {
    const int yes = 1;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (fd_ < 0 || setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd_, any, size) != 0 || getsockname(fd_, any, &size) != 0)
      std::abort();
    port_ = ntohs(address.sin_port);
  }
  ~FreePort() { close(fd_); }
  FreePort(const FreePort&) = delete;
  FreePort& operator=(const FreePort&) = delete;

  uint16_t port() const { return port_; }
  // From now on the port is taken for everybody.
  void Listen() {
    if (listen(fd_, 1) != 0) std::abort();
  }

 private:
  const int fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  uint16_t port_ = 0;
};

}  // namespace mom::blackbox
