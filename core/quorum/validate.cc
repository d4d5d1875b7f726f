// What may be believed of a message before its handler looks at it: identity and ranges. A peer that lies is
// refused in the type of its request, or ignored; it is never trusted and never stops this process.
#include <algorithm>

#include "core/quorum/quorum.h"

namespace mom::quorum {
namespace {

bool IsEpoch(Epoch epoch) {
  return epoch <= kEpochMax;
}
bool IsOffset(Offset offset) {
  return offset <= kOffsetMax;
}
bool IsPosition(Offset end, Epoch last_epoch) {
  return IsOffset(end) && IsEpoch(last_epoch) && (end > Offset{} || last_epoch == Epoch{});
}

// Ranges of the fields, one function a body. What depends on the state is the handler's.
struct RangeCheck {
  bool operator()(const VoteRequest& m) const {
    // A candidate's log cannot have entries of the epoch that it stands for.
    const bool older = m.pre_vote ? m.last_epoch <= m.epoch : m.last_epoch < m.epoch;
    return IsEpoch(m.epoch) && older && IsPosition(m.log_end, m.last_epoch);
  }
  bool operator()(const VoteReply& m) const { return IsEpoch(m.epoch) && m.refusal <= Refusal::kUncertain; }
  bool operator()(const BeginEpoch& m) const { return IsEpoch(m.epoch) && m.epoch > Epoch{}; }
  bool operator()(const EndEpoch& m) const {
    return IsEpoch(m.epoch) && m.epoch > Epoch{} && m.successors.size() <= kVotersMax;
  }
  bool operator()(const HandOver& m) const { return IsEpoch(m.epoch); }
  bool operator()(const EpochReply& m) const { return IsEpoch(m.epoch) && m.refusal <= Refusal::kUncertain; }
  bool operator()(const FetchRequest& m) const {
    return IsEpoch(m.epoch) && m.session > SessionId{} && m.session <= kSessionMax &&
           m.last_epoch <= m.epoch && IsPosition(m.durable_end, m.last_epoch) && IsOffset(m.high_watermark);
  }
  bool operator()(const FetchReply& m) const {
    return IsEpoch(m.epoch) && m.session > SessionId{} && IsOffset(m.high_watermark) &&
           std::visit(*this, m.body);
  }
  bool operator()(const Frame& m) const { return IsOffset(m.base) && m.runs.size() <= kFrameEntriesMax; }
  bool operator()(const EpochEnd& m) const { return IsEpoch(m.epoch) && IsOffset(m.end); }
  bool operator()(const SnapshotId& m) const { return IsEpoch(m.epoch) && IsOffset(m.end); }
  bool operator()(const FetchRefused& m) const { return m.refusal <= Refusal::kUncertain; }
};

}  // namespace

Refusal Quorum::Validate(const Message& message) const {
  const Identity& from = message.from;
  if (from.cluster != options_.self.cluster) return Refusal::kWrongCluster;
  if (message.to != self_.node) return Refusal::kWrongNode;
  if (from.node == NodeId{} || from.node == self_.node || from.disk.empty()) return Refusal::kInvalid;
  return std::visit(RangeCheck(), message.body) ? Refusal::kNone : Refusal::kInvalid;
}

void Quorum::RefuseMessage(const Message& message, Refusal refusal) {
  const NodeId to = message.from.node;
  if (to == NodeId{} || to == self_.node) return;
  if (const auto* vote = std::get_if<VoteRequest>(&message.body)) {
    Send(to, VoteReply{epoch(), NodeId{}, vote->pre_vote, vote->round, refusal});
  } else if (const auto* fetch = std::get_if<FetchRequest>(&message.body)) {
    Send(to, FetchReply{epoch(), NodeId{}, fetch->session, Offset{}, FetchRefused{refusal, {}}});
  } else if (std::holds_alternative<BeginEpoch>(message.body) ||
             std::holds_alternative<EndEpoch>(message.body) ||
             std::holds_alternative<HandOver>(message.body)) {
    Send(to, EpochReply{epoch(), NodeId{}, refusal});
  }
}

}  // namespace mom::quorum
