// The pulling side of a fetch stream: open, take frames, acknowledge, truncate (S1, S3, S4).
#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "core/quorum/quorum.h"

namespace mom::quorum {

// S1: only with a log that is durable to its end, so that truncation never meets an unfinished write.
void Quorum::OpenStreamIfDue() {
  if (role_ != Role::kFollower && role_ != Role::kUnattached) return;
  if (!started_ || follow_.session != SessionId{} || follow_.pulling || follow_.installing) return;
  if (now_ < follow_.reopen || durable_end_ != log_end()) return;
  const NodeId peer = NextToAsk();
  if (peer != NodeId{}) return OpenStream(peer);
  follow_.reopen = kNever;
}

// The leader; else a hint; else, for those who cannot stand for election, one after the other.
NodeId Quorum::NextToAsk() {
  if (follow_.hint != NodeId{}) return std::exchange(follow_.hint, NodeId{});
  if (role_ == Role::kFollower && !follow_.lost) return hard_state_.leader;
  if (MayStand()) return NodeId{};
  const size_t known = voters().size() + options_.bootstrap.size();
  for (size_t i = 0; i < known; ++i) {
    const size_t at = follow_.asked++ % known;
    const NodeId node =
        at < voters().size() ? (voters().begin() + at)->node : options_.bootstrap[at - voters().size()];
    if (node != self_.node && node != NodeId{}) return node;
  }
  return NodeId{};
}

void Quorum::OpenStream(NodeId peer) {
  MOM_CHECK(follow_.last_session < kSessionMax && peer != self_.node, follow_.last_session, peer);
  follow_.session = SessionId{++follow_.last_session.value};
  follow_.peer = peer;
  follow_.framed = false;
  follow_.probe = 0;
  follow_.leader_high_watermark = Offset{};
  follow_.reopen = kNever;
  follow_.last_frame = follow_.last_sent = now_;
  Send(peer,
       FetchRequest{epoch(), follow_.session, true, durable_end_, epochs_.last_epoch(), high_watermark_, 0});
}

void Quorum::DropStream() {
  if (follow_.session == SessionId{}) return;
  effects_->closes.push_back(CloseStream{follow_.peer, follow_.session});
  follow_.session = SessionId{};
}

void Quorum::DelayReopen() {
  const int64_t pause =
      std::min(options_.reopen_ns() << std::min(follow_.reopen_attempts++, 8u), options_.heartbeat_ns());
  follow_.reopen = After(pause / 2 + Jitter(pause));
}

// The last epoch is read from the own log, never from an answer (P3).
void Quorum::Acknowledge() {
  follow_.last_sent = now_;
  Send(follow_.peer, FetchRequest{epoch(), follow_.session, false, durable_end_,
                                  epochs_.EpochBefore(durable_end_), high_watermark_, follow_.probe});
}

void Quorum::OnFollowerTick() {
  if (role_ != Role::kFollower && role_ != Role::kUnattached) return;
  if (follow_.session != SessionId{} && now_ >= Instant{follow_.last_frame.ns + options_.silence_ns()}) {
    DropStream();  // S4.
    DelayReopen();
  }
  if (follow_.session == SessionId{}) return OpenStreamIfDue();
  if (now_ >= Instant{follow_.last_sent.ns + options_.heartbeat_ns()}) Acknowledge();
}

// S3. What is not of the current epoch and stream is dropped.
void Quorum::On(const FetchReply& reply, const Identity& from) {
  if (follow_.session == SessionId{} || reply.session != follow_.session || from.node != follow_.peer) return;
  if (reply.epoch < epoch()) return;
  if (reply.epoch > epoch()) {
    LearnEpoch(reply.epoch);
    return LearnHint(reply.leader);
  }
  if (const auto* refused = std::get_if<FetchRefused>(&reply.body)) return OnFetchRefused(reply, *refused);
  const bool leads =
      reply.leader == from.node &&
      (hard_state_.leader == from.node || (hard_state_.leader == NodeId{} && role_ == Role::kUnattached)) &&
      (follow_.leader.disk.empty() || follow_.leader.disk == from.disk || role_ == Role::kUnattached);
  if (!leads) {
    DropStream();
    return DelayReopen();
  }
  if (role_ == Role::kUnattached) BecomeFollower(epoch(), from.key());
  if (follow_.leader.disk.empty()) follow_.leader = from.key();
  if (const auto* frame = std::get_if<Frame>(&reply.body)) return OnFrame(reply, *frame);
  if (const auto* diverging = std::get_if<EpochEnd>(&reply.body)) return OnDiverging(reply, *diverging);
  OnSnapshotOffered(reply, std::get<SnapshotId>(reply.body));
}

// Contiguity stands for the log-matching check after the first frame: within an epoch the leader only
// appends, and this log changes only through this stream.
bool Quorum::IsAcceptable(const FetchReply& reply, const Frame& frame) const {
  if (frame.base != log_end()) return false;
  Epoch last = epochs_.last_epoch();
  uint64_t count = 0;
  for (const EpochRun& run : frame.runs) {
    if (run.count == 0 || run.epoch < last || run.epoch > reply.epoch || run.epoch == Epoch{}) return false;
    if (run.epoch > last && !run.leader_change) return false;  // I17.
    last = run.epoch;
    count += run.count;
    if (count > kFrameEntriesMax) return false;
  }
  Offset next = frame.base;
  for (const VotersEntry& entry : frame.voters) {
    if (entry.offset < next || entry.offset >= frame.base + Count{count} || entry.voters.empty())
      return false;
    next = Next(entry.offset);
  }
  return (frame.base + Count{count}) <= kOffsetMax;
}

void Quorum::OnFrame(const FetchReply& reply, const Frame& frame) {
  if (!IsAcceptable(reply, frame)) {
    DropStream();
    return DelayReopen();
  }
  HeardLeader();
  follow_.framed = true;
  if (!frame.runs.empty()) {
    Append append;
    append.begin = log_end();
    append.from_frame = true;
    for (const EpochRun& run : frame.runs) epochs_.Append(run.epoch, run.count);
    for (const VotersEntry& entry : frame.voters) voters_.Append(entry.offset, entry.voters);
    append.end = log_end();
    append.epoch = epochs_.last_epoch();
    effects_->append = append;
  }
  follow_.leader_high_watermark = std::max(follow_.leader_high_watermark, reply.high_watermark);
  FollowHighWatermark(reply.high_watermark);
  CheckRepaired();
  if (frame.probe > follow_.probe) {  // Somebody waits for a read: answer now.
    follow_.probe = frame.probe;
    Acknowledge();
  }
}

void Quorum::HeardLeader() {
  follow_.heard = true;
  follow_.lost = false;
  follow_.last_frame = now_;
  follow_.reopen_attempts = 0;
  follow_.quick_attempts = 0;
  deadline_ = After(options_.fetch_timeout_ns());
}

// Bounded by the own end, and only while the own log is known to be the leader's: never from an answer that
// also asks to truncate (P1). A leader that falls behind changes nothing (I10, P16).
void Quorum::FollowHighWatermark(Offset leader_high_watermark) {
  high_watermark_ = std::max(high_watermark_, std::min(leader_high_watermark, log_end()));
}

// Whatever the damaged disk had acknowledged and was committed lies below the high watermark of a leader that
// answered after the restart.
void Quorum::CheckRepaired() {
  if (!damaged_ || role_ != Role::kFollower || !follow_.framed) return;
  if (follow_.leader_high_watermark == Offset{} || durable_end_ < follow_.leader_high_watermark) return;
  damaged_ = false;
  effects_->repaired = true;
}

// Each round removes at least one entry and ends the session; the next one opens with the shorter log.
void Quorum::OnDiverging(const FetchReply& reply, const EpochEnd& diverging) {
  const Offset to = epochs_.TruncationPoint(diverging);
  const bool sane = !follow_.framed && diverging.epoch <= reply.epoch && durable_end_ == log_end() &&
                    to >= high_watermark_ && to >= log_start() && to < log_end();
  DropStream();
  if (!sane) return DelayReopen();  // Committed entries never go (I6), whatever is said.
  epochs_.TruncateTo(to);
  voters_.TruncateTo(to);
  durable_end_ = to;
  effects_->truncate_to = to;
  deadline_ = After(options_.fetch_timeout_ns());
  follow_.reopen = now_;
  OpenStreamIfDue();
}

void Quorum::OnFetchRefused(const FetchReply& reply, const FetchRefused& refused) {
  const bool leader_steps_back = role_ == Role::kFollower && follow_.peer == hard_state_.leader &&
                                 refused.refusal == Refusal::kNotLeader;
  DropStream();
  DelayReopen();
  if (leader_steps_back) return OnLeaderStreamClosed();
  if (refused.refusal == Refusal::kStaleSession && refused.known_session < kSessionHintMax) {
    follow_.last_session = std::max(follow_.last_session, refused.known_session);
  }
  if (refused.refusal == Refusal::kNoSnapshot && follow_.peer == hard_state_.leader) {
    deadline_ = After(options_.fetch_timeout_ns());  // Alive, and making a snapshot.
  }
  if (refused.refusal == Refusal::kNotLeader && role_ == Role::kUnattached && reply.leader != follow_.peer) {
    follow_.hint = reply.leader == self_.node ? NodeId{} : reply.leader;
  }
}

// The stream to the leader is gone. A process that died closes its streams long before a timeout passes, so a
// voter asks the others at once; if they still hear the leader they refuse, and nothing has happened. Further
// closings before the next frame make it wait longer and longer (ADR 0005).
void Quorum::OnLeaderStreamClosed() {
  if (role_ != Role::kFollower || follow_.peer != hard_state_.leader) return;
  follow_.heard = false;
  if (!MayStand()) return;
  const uint32_t attempt = follow_.quick_attempts++;
  if (attempt == 0) return BecomeProspective(true);
  const int64_t pause = std::min(options_.reopen_ns() << std::min(attempt, 8u), options_.fetch_timeout_ns());
  deadline_ = std::min(deadline_, After(pause / 2 + Jitter(pause)));
}

}  // namespace mom::quorum
