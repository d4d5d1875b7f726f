// Proxy: what lies between the nodes. Every connection of node A to node B goes through it, and it knows
// which: each node lives in a network namespace of its own, in which the others' addresses are listened at by
// the proxy.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "tests/cluster/net_space.h"

namespace mom::cluster {

struct ProxiedNode {
  std::shared_ptr<NetSpace> space;
  uint16_t port = 0;  // The same number inside of every namespace.
};

// Thread-safe. Nodes are numbered from 1. What is cut is held back, as a network would by sending it again
// later, and arrives after Heal() unless its connection has ended.
class Proxy {
 public:
  explicit Proxy(std::vector<ProxiedNode> nodes);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  // Bytes from `from` to `to`, over connections of either.
  void Cut(uint32_t from, uint32_t to);
  void Delay(uint32_t from, uint32_t to, uint32_t ms);
  void Drip(uint32_t from, uint32_t to, uint32_t bytes_per_second);
  // While `hide`, the end of a connection at one side is not told to the other, and what is still sent there
  // is lost: as with a firewall that forgets connections. Heal() leaves it at that.
  void HideEnds(bool hide);
  // Ends all connections between the two with a reset. How many there were.
  size_t Reset(uint32_t a, uint32_t b);
  void Heal();
  // Pieces of traffic that some fault held back so far.
  uint64_t touched() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace mom::cluster
