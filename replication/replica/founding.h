// Founding: how nodes that only know each other's addresses agree, once, on the cluster they are.
//
// Every founder has drawn its disk id, and stored it, before it says a word. When a node has heard from all
// of them it knows all voters, and so does everybody else sooner or later: the same set, from which the
// cluster id is computed. A node that lost its disk meanwhile has another disk id; if that splits the
// founders into two opinions, neither has a majority of its voters, and nothing was acknowledged. A node that
// finds a cluster founded already takes that one over, if its own disk is among the founders.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "core/base/result.h"
#include "core/quorum/types.h"
#include "replication/transport/transport.h"

namespace mom::replication {

// Thread-safe.
class Founding {
 public:
  struct Agreed {
    Uuid cluster;
    quorum::VoterSet founders;
  };

  // `self` names this node, its disk and its --peers; `nodes` are all of these, with this one.
  Founding(Greeting self, std::set<NodeId> nodes);

  Greeting self() const;
  void SetSelf(Greeting self);
  // A greeting, or the answer to one.
  void OnGreeting(const Greeting& from);
  // What was agreed on, if all is known; or why it never can be (kWrongOwner).
  Result<std::optional<Agreed>> Outcome() const;
  // Who has not been heard of, or disagrees; for a person.
  std::string Missing() const;

 private:
  mutable std::mutex mutex_;
  Greeting self_;
  const std::set<NodeId> nodes_;
  std::map<NodeId, Greeting> heard_;  // Guarded by mutex_.
};

}  // namespace mom::replication
