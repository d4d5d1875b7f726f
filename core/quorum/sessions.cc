// The serving side of the fetch streams (S2): positions, acknowledgements, windows, frames.
#include <algorithm>

#include "core/base/check.h"
#include "core/quorum/quorum.h"

namespace mom::quorum {

void Quorum::On(const FetchRequest& request, const Identity& from) {
  if (request.epoch < epoch()) return RefuseFetch(request, from.node, Refusal::kFencedEpoch, {});
  LearnEpoch(request.epoch);
  if (role_ != Role::kLeader) return RefuseFetch(request, from.node, Refusal::kNotLeader, {});
  Progress* progress = FindProgress(from.key());
  if (!request.open) {
    // Of a session that is no longer served: late, says nothing.
    if (progress == nullptr || !progress->open || request.session != progress->session) return;
    return OnAcknowledged(request, progress);
  }
  if (progress == nullptr) progress = AddObserver(from.key());
  if (progress == nullptr) return RefuseFetch(request, from.node, Refusal::kOverloaded, {});
  if (progress->open && request.session == progress->session) return;  // Repeated.
  // The driver knows a stream by node and session. A node with a new disk counts from anew, while a stream of
  // its old disk may still be open, or a frame for it still be read. A new process whose clock went back may
  // draw the number of a stream that has ended.
  SessionId known = progress->session;
  for (const Progress& p : lead_.progress) {
    if (p.key.node == from.node) known = std::max(known, p.session);
  }
  if (request.session <= known) {
    return RefuseFetch(request, from.node, Refusal::kStaleSession, known);
  }
  OpenSession(request, progress);
}

void Quorum::OpenSession(const FetchRequest& request, Progress* progress) {
  for (Progress& p : lead_.progress) {
    if (p.open && p.key.node == progress->key.node) EndSession(&p, true);
  }
  progress->session = request.session;
  Contact(progress);
  if (!ServesFrom(request, progress)) return;
  progress->open = true;
  progress->framed = false;
  progress->match = progress->next = request.durable_end;  // May be lower than before (P16).
  progress->high_watermark_sent = Offset{};
  progress->probe_sent = progress->probe_answered = 0;
  RaiseHighWatermark();
  ContinueTransfer();
  SendWhatIsDue(progress);
}

// Answers a position that is not on this log; true when it is.
bool Quorum::ServesFrom(const FetchRequest& request, Progress* progress) {
  FetchReply reply{epoch(), self_.node, request.session, lead_.high_watermark.value_or(Offset{}), {}};
  EpochEnd diverging;
  const Position position = epochs_.Compare(request.durable_end, request.last_epoch, &diverging);
  const bool shortcut = request.durable_end == Offset{} && snapshot_ && snapshot_->end > Offset{};
  if (position == Position::kTooOld || shortcut) {
    if (!snapshot_) {
      effects_->snapshot_wanted = true;
      RefuseFetch(request, progress->key.node, Refusal::kNoSnapshot, {});
      return false;
    }
    reply.body = *snapshot_;
  } else if (position == Position::kDiverges) {
    reply.body = diverging;
  } else {
    return true;
  }
  Send(progress->key.node, reply);
  return false;
}

// A position outside of what was sent is no position of this session.
void Quorum::OnAcknowledged(const FetchRequest& request, Progress* progress) {
  const Offset sent =
      progress->write_outstanding ? std::max(progress->next, progress->offered_end) : progress->next;
  const bool valid =
      request.durable_end >= progress->match && request.durable_end <= sent &&
      request.probe >= progress->probe_answered && request.probe <= progress->probe_sent &&
      (request.durable_end < log_start() || epochs_.EpochBefore(request.durable_end) == request.last_epoch);
  if (!valid) {
    RefuseFetch(request, progress->key.node, Refusal::kInvalid, {});
    return EndSession(progress, true);
  }
  const bool moved = request.durable_end > progress->match;
  progress->match = request.durable_end;
  progress->next = std::max(progress->next, progress->match);
  progress->sent.Acknowledge(progress->match);
  Contact(progress);
  if (request.probe > progress->probe_answered) {
    progress->probe_answered = request.probe;
    ConfirmReads();
  }
  if (!moved) return;
  RaiseHighWatermark();
  ContinueTransfer();
  SendWhatIsDue(progress);
}

void Quorum::On(const FrameSent& event) {
  if (role_ != Role::kLeader) return;
  for (Progress& p : lead_.progress) {
    if (p.key.node != event.peer || p.session != event.session || !p.open || !p.write_outstanding) continue;
    MOM_CHECK(p.offered_begin <= event.end && event.end <= p.offered_end, p.offered_begin, event.end,
              p.offered_end);
    p.write_outstanding = false;
    if (event.end < p.match) return EndSession(&p, true);  // It acknowledged what it never got.
    // A frame without entries takes no place: those are sent with a full window, too.
    if (event.end > p.next) p.sent.Push(event.end, event.bytes);
    p.next = std::max(p.next, event.end);
    return SendWhatIsDue(&p);
  }
}

void Quorum::On(const StreamClosed& event) {
  if (role_ == Role::kLeader) {
    for (Progress& p : lead_.progress) {
      if (p.open && p.key.node == event.peer && p.session == event.session) EndSession(&p, false);
    }
    return;
  }
  if (follow_.session == SessionId{} || follow_.session != event.session || follow_.peer != event.peer)
    return;
  follow_.session = SessionId{};
  DelayReopen();
  OnLeaderStreamClosed();
}

void Quorum::RefuseFetch(const FetchRequest& request, NodeId to, Refusal refusal, SessionId known) {
  Send(to, FetchReply{epoch(), KnownLeader(), request.session, Offset{}, FetchRefused{refusal, known}});
}

void Quorum::EndSession(Progress* progress, bool close_stream) {
  if (progress->open && close_stream) {
    effects_->closes.push_back(CloseStream{progress->key.node, progress->session});
  }
  progress->open = false;
  progress->write_outstanding = false;
  progress->sent.Clear();
}

// A typed last message: a closed stream by itself means nothing about leadership.
void Quorum::EndAllSessions() {
  effects_->frames.clear();
  for (Progress& p : lead_.progress) {
    if (!p.open) continue;
    const FetchRefused refused{Refusal::kNotLeader, {}};
    Send(p.key.node, FetchReply{epoch(), KnownLeader(), p.session, Offset{}, refused});
    EndSession(&p, true);
  }
}

// One write at a time: what comes up meanwhile, entries or a new high watermark, travels together in the next
// frame (P9). Entries need room in the window, the rest does not.
void Quorum::SendWhatIsDue(Progress* p) {
  if (!p->open || p->write_outstanding) return;
  if (p->next < log_start()) return EndSession(p, true);  // It comes back and is given a snapshot.
  const uint64_t in_flight = (p->next - p->match).value;
  Offset end = p->next;
  if (!p->sent.full() && in_flight < options_.window_entries_max &&
      p->sent.bytes() < options_.window_bytes_max) {
    const uint64_t room =
        std::min<uint64_t>(options_.frame_entries_max, options_.window_entries_max - in_flight);
    end = std::min(log_end(), p->next + Count{room});
  }
  const Offset hw = lead_.high_watermark.value_or(Offset{});
  const bool is_news = hw > p->high_watermark_sent && !proposal_follows_;
  const bool due = end > p->next || is_news || lead_.probe > p->probe_sent || !p->framed ||
                   now_ >= Instant{p->last_sent.ns + options_.heartbeat_ns()};
  if (!due) return;
  const uint64_t bytes_max = std::min<uint64_t>(
      options_.frame_bytes_max,
      std::max<uint64_t>(options_.window_bytes_max, p->sent.bytes() + 1) - p->sent.bytes());
  effects_->frames.push_back(
      SendFrame{p->key.node, p->session, epoch(), hw, lead_.probe, p->next, end, bytes_max});
  p->write_outstanding = true;
  p->framed = true;
  p->offered_begin = p->next;
  p->offered_end = end;
  p->high_watermark_sent = hw;
  p->probe_sent = lead_.probe;
  p->last_sent = now_;
  lead_.probe_used = true;
}

void Quorum::SendToAll() {
  for (Progress& p : lead_.progress) SendWhatIsDue(&p);
}

Progress* Quorum::FindProgress(const ReplicaKey& key) {
  for (Progress& p : lead_.progress) {
    if (p.key == key) return &p;
  }
  return nullptr;
}

// The one that was silent for longest makes room; streams that are open stay.
Progress* Quorum::AddObserver(const ReplicaKey& key) {
  size_t observers = 0;
  Progress* oldest = nullptr;
  for (Progress& p : lead_.progress) {
    observers += p.voter ? 0 : 1;
    if (!p.voter && !p.open && (oldest == nullptr || p.last_heard < oldest->last_heard)) oldest = &p;
  }
  if (observers < options_.observers_max) {
    lead_.progress.emplace_back();
    oldest = &lead_.progress.back();
  }
  if (oldest == nullptr) return nullptr;
  *oldest = Progress();
  oldest->key = key;
  return oldest;
}

void Quorum::MatchProgressToVoters() {
  for (Progress& p : lead_.progress) p.voter = voters().Contains(p.key);
  for (const ReplicaKey& key : voters()) {
    if (key == self_ || FindProgress(key) != nullptr) continue;
    lead_.progress.emplace_back();
    lead_.progress.back().key = key;
    lead_.progress.back().voter = true;
    lead_.progress.back().last_heard = now_;
  }
}

}  // namespace mom::quorum
