// State that belongs to one role. Plain data of Quorum.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/check.h"
#include "core/quorum/types.h"

namespace mom::quorum {

// Frames that were sent on a stream and are not acknowledged; bounded, no heap.
class SentFrames {
 public:
  static constexpr size_t kMax = 32;
  bool full() const { return size_ == kMax; }
  uint64_t bytes() const { return bytes_; }
  void Clear() { *this = SentFrames(); }
  void Push(Offset end, uint64_t bytes) {
    MOM_CHECK(!full());
    frames_[(first_ + size_++) % kMax] = Sent{end, bytes};
    bytes_ += bytes;
  }
  void Acknowledge(Offset end) {
    while (size_ > 0 && frames_[first_].end <= end) {
      bytes_ -= frames_[first_].bytes;
      first_ = (first_ + 1) % kMax;
      --size_;
    }
  }

 private:
  struct Sent {
    Offset end;
    uint64_t bytes = 0;
  };
  std::array<Sent, kMax> frames_{};
  size_t first_ = 0;
  size_t size_ = 0;
  uint64_t bytes_ = 0;
};

// What a leader knows of another replica.
struct Progress {
  ReplicaKey key;
  bool voter = false;
  Offset match;  // Everything below is durable there. Falls only with a new session (P16).
  Offset next;   // First offset not yet sent. Invariant: match <= next <= log end.
  // The stream that `next` belongs to.
  SessionId session;               // Largest ever seen from this replica.
  bool open = false;               // It is served.
  bool framed = false;             // A frame was ordered in this session.
  bool write_outstanding = false;  // A SendFrame waits for its FrameSent.
  Offset offered_begin;            // What that frame may hold: [offered_begin, offered_end).
  Offset offered_end;
  SentFrames sent;
  Offset high_watermark_sent;   // In the newest frame.
  uint64_t probe_sent = 0;      // In the newest frame.
  uint64_t probe_answered = 0;  // In the newest FetchRequest of this session.
  Instant last_sent;            // Newest frame was ordered then.
  Instant last_heard;           // Newest FetchRequest or piece of a snapshot.
  bool in_window = false;       // Heard since the check-quorum window began.
};

struct WaitingRead {
  uint64_t id = 0;
  uint64_t probe = 0;              // A majority must answer this or a later probe.
  std::optional<Offset> read_end;  // High watermark when the read arrived; empty: none was known yet.
};

struct Transfer {
  uint64_t id = 0;
  NodeId target;
  Instant deadline;
  bool handed_over = false;  // The target was told to stand.
};

// Of kLeader.
struct Leadership {
  Offset epoch_start;                    // Of its LeaderChange.
  std::optional<Offset> high_watermark;  // Empty until > epoch_start is committed.
  std::vector<Progress> progress;        // Voters but this one, then observers.
  Instant check_quorum = kNever;         // Deadline of the window.
  Instant begin_epoch = kNever;          // Next repetition.
  Instant disk = kNever;                 // Fsync must make progress by then; kNever: nothing waits.
  uint64_t probe = 0;                    // Newest that a waiting read needs.
  bool probe_used = false;               // Some frame carries it.
  std::vector<WaitingRead> reads;
  std::optional<uint64_t> change_id;  // ChangeVoters whose entry is not committed.
  std::optional<Transfer> transfer;
};

// Of kFollower, and of kUnattached in search of the leader.
struct Following {
  ReplicaKey leader;  // Disk empty when only the node is known.
  NodeId peer;        // Whom the stream goes to.
  SessionId session;  // 0: no stream.
  SessionId last_session;
  bool heard = false;   // A frame was processed since the stream was opened or the leader was learnt.
  bool framed = false;  // A frame came in this session: it can no longer diverge.
  Instant last_frame;
  Instant last_sent;        // Newest FetchRequest.
  Instant reopen = kNever;  // When to open a stream again; kNever: one is open, or S1 forbids.
  uint32_t reopen_attempts = 0;
  uint32_t quick_attempts = 0;   // Pre-votes because of a closed stream since the last frame.
  NodeId hint;                   // Said to lead; asked next, once.
  bool lost = false;             // The leader is silent and this replica may not stand: ask others.
  Offset leader_high_watermark;  // In the newest frame of this session; 0: none yet.
  uint32_t asked = 0;            // Rotates through those who may know the leader.
  uint64_t probe = 0;
  std::optional<SnapshotId> pulling;  // Being downloaded.
  VoterSet pulled_voters;
  std::optional<SnapshotId> installing;  // Ordered; the log is not to be touched.
};

// Of kProspective and kCandidate.
struct Campaign {
  uint64_t round = 0;
  std::vector<NodeId> granted;  // Voters, without the own vote.
  std::vector<NodeId> refused;
  NodeId hint;            // Whom somebody in this round called the leader.
  bool yielded = false;   // A better one stands: no more counting in this round.
  uint32_t attempts = 0;  // Lost rounds in a row.
};

}  // namespace mom::quorum
