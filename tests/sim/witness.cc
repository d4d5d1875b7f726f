#include "tests/sim/witness.h"

#include <algorithm>
#include <bit>

#include "tests/sim/violation.h"

namespace mom::sim {
namespace {

using quorum::Role;

// One for each voter that granted, one for the node itself if it is a voter.
size_t CountWithOwn(const Node& node, const quorum::VoterSet& voters, uint32_t granted) {
  return static_cast<size_t>(std::popcount(granted)) + (voters.Contains(node.key()) ? 1 : 0);
}

}  // namespace

void Witness::OnMessage(const Node& node, const quorum::VoterSet& voters, const quorum::Message& message) {
  const auto* reply = std::get_if<quorum::FetchReply>(&message.body);
  stale_reply_ = reply != nullptr && reply->session != node.core->following().session;
  if (message.from.node.value == 0 || message.from.node.value > kNodesMax) return;
  const uint32_t bit = 1u << (message.from.node.value - 1);
  if (const auto* vote = std::get_if<quorum::VoteReply>(&message.body)) {
    if (vote->refusal != quorum::Refusal::kNone || !voters.Contains(message.from.key())) return;
    if (vote->pre_vote) {
      pre_votes_ |= bit;
      return;
    }
    if (vote->epoch < votes_epoch_) return;
    if (vote->epoch > votes_epoch_) votes_ = 0;
    votes_epoch_ = vote->epoch;
    votes_ |= bit;
  } else if (std::holds_alternative<quorum::HandOver>(message.body)) {
    told_to_stand_ = true;
  } else if (std::holds_alternative<quorum::FetchRequest>(message.body)) {
    heard_[message.from.node.value - 1] = node.last_now;
  }
}

void Witness::OnStep(const Node& node, const quorum::VoterSet& voters, const quorum::Options& options) {
  const Role role = node.core->role();
  // A process that slept has to be given the time to find out.
  if (node.last_now.ns - last_step_.ns > options.check_quorum_ns() / 2) since_ = node.last_now;
  last_step_ = node.last_now;
  const bool changed = role != role_ || node.core->epoch() != epoch_;
  if (changed) {
    if (role == Role::kCandidate || (role == Role::kLeader && role_ != Role::kCandidate)) {
      CheckStanding(node, voters);
    }
    if (role == Role::kLeader) {
      CheckLeading(node, voters);
      since_ = node.last_now;
    }
    if (role != Role::kProspective || role_ != Role::kProspective) pre_votes_ = 0;
  }
  if (role == Role::kLeader && !changed && tick_) CheckQuorum(node, voters, options);
  role_ = role;
  epoch_ = node.core->epoch();
  told_to_stand_ = tick_ = false;
}

// KIP-996: only who could win, or was told to by the leader, raises the epoch.
void Witness::CheckStanding(const Node& node, const quorum::VoterSet& voters) const {
  if (told_to_stand_) return;
  SIM_CHECK(CountWithOwn(node, voters, pre_votes_) >= voters.size() / 2 + 1,
            "I13: stands without a majority of pre-votes", node.id(), node.core->epoch());
}

void Witness::CheckLeading(const Node& node, const quorum::VoterSet& voters) const {
  const uint32_t votes = votes_epoch_ == node.core->epoch() ? votes_ : 0;
  SIM_CHECK(CountWithOwn(node, voters, votes) >= voters.size() / 2 + 1,
            "I13: leads without a majority of votes", node.id(), node.core->epoch());
}

// P7: a leader that a majority has not fetched from for two windows has resigned. By its own clock.
void Witness::CheckQuorum(const Node& node, const quorum::VoterSet& voters,
                          const quorum::Options& options) const {
  std::array<Instant, quorum::kVotersMax> heard;
  size_t count = 0;
  for (const quorum::ReplicaKey& voter : voters) {
    heard[count++] = voter == node.key() ? node.last_now : std::max(heard_[voter.node.value - 1], since_);
  }
  std::sort(heard.begin(), heard.begin() + static_cast<std::ptrdiff_t>(count), std::greater<>());
  const Instant majority = heard[voters.size() / 2];
  SIM_CHECK(node.last_now.ns - majority.ns <= 2 * options.check_quorum_ns() + 1'000'000,
            "L4: leads without a quorum", node.id(), node.core->epoch());
}

}  // namespace mom::sim
