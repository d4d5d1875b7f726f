// Witness: has seen every message that a node got, so it knows whether the node may be what it says it is.
// Looks at roles from outside; counts for itself.
#pragma once

#include <array>
#include <cstdint>

#include "tests/sim/network.h"
#include "tests/sim/node.h"

namespace mom::sim {

// Not thread-safe. One for each node.
class Witness {
 public:
  void OnStart() { *this = Witness(); }
  // Before the step: the message is about to be handed over.
  void OnMessage(const Node& node, const quorum::VoterSet& voters, const quorum::Message& message);
  void OnPieceAsked(const Node& node, uint8_t from) { heard_[from] = node.last_now; }
  void OnTick() { tick_ = true; }
  // After the step. `voters`: in force in the log on the node's disk.
  void OnStep(const Node& node, const quorum::VoterSet& voters, const quorum::Options& options);
  // The message of this step is of a stream that the node no longer has.
  bool got_stale_reply() const { return stale_reply_; }
  // The voter set changed: who leads has a new majority to hear.
  void OnVotersAppended(const Node& node) { since_ = node.last_now; }

 private:
  void CheckStanding(const Node& node, const quorum::VoterSet& voters) const;
  void CheckLeading(const Node& node, const quorum::VoterSet& voters) const;
  void CheckQuorum(const Node& node, const quorum::VoterSet& voters, const quorum::Options& options) const;

  quorum::Role role_ = quorum::Role::kUnattached;
  Epoch epoch_;
  uint32_t pre_votes_ = 0;  // Bit n: node n + 1 granted since the node became prospective.
  uint32_t votes_ = 0;      // The same for votes of votes_epoch_.
  Epoch votes_epoch_;
  bool told_to_stand_ = false;  // By a HandOver in this step.
  bool stale_reply_ = false;
  bool tick_ = false;  // The step is a Tick.
  Instant since_;      // Beginning of the leadership, of its voter set, or end of a sleep.
  Instant last_step_;
  std::array<Instant, kNodesMax> heard_{};
};

}  // namespace mom::sim
