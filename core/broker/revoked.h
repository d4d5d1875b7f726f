// Revoked: what an entry took away from those who may wait for messages.
#pragma once

#include <set>
#include <string>
#include <utility>

namespace mom::broker {

struct Revoked {
  std::set<std::string> queues;    // Gone, or somebody may no longer receive from them.
  std::set<std::string> sessions;  // Ended: the hashes of their tokens.

  bool empty() const { return queues.empty() && sessions.empty(); }
  void Merge(Revoked&& other) {
    queues.merge(other.queues);
    sessions.merge(other.sessions);
  }
};

}  // namespace mom::broker
