// NetSpace: a network namespace with only a loopback interface, so that every node may have the same
// addresses and its traffic to each other node goes through sockets of ours.
#pragma once

#include <cstdint>
#include <memory>

namespace mom::cluster {

// Immutable once made; thread-safe. Needs the right to make namespaces: root, or a user namespace.
class NetSpace {
 public:
  // Null when the machine does not let us. The calling thread stays where it is.
  static std::shared_ptr<NetSpace> Make();
  ~NetSpace();
  NetSpace(const NetSpace&) = delete;
  NetSpace& operator=(const NetSpace&) = delete;

  // A TCP socket of this namespace, whichever thread uses it; -1 on failure.
  int Socket() const;
  // Moves the calling thread here for good: for a child before exec. Async-signal-safe.
  bool Enter() const;

 private:
  explicit NetSpace(int fd) : fd_(fd) {}
  const int fd_;
};

// Where a node listens. `space` must outlive its links; null: the machine's own loopback.
struct Endpoint {
  const NetSpace* space = nullptr;
  uint16_t port = 0;
};

// Makes the process root of a user namespace of its own, with a network of its own, if it is not root. Before
// any thread starts. False: there will be no NetSpace.
bool BecomeAbleToMakeSpaces();

// A TCP socket in `space`, of the machine if that is null; -1 on failure.
int SocketIn(const NetSpace* space);
// A port that was free on the machine's loopback a moment ago, and is given once; 0 on failure. Thread-safe.
uint16_t FreePort();

}  // namespace mom::cluster
