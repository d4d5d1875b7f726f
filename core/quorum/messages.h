// Messages between replicas, as the core sees them. The transport turns them into bytes and back; the core
// checks every field again (validate.cc), so a peer that lies is refused or ignored.
//
// Votes and epoch notices are requests with a reply each, in any order, possibly lost or repeated. Fetch
// messages travel on one stream a session, in order: FetchRequest upwards, FetchReply downwards.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "core/quorum/types.h"

namespace mom::quorum {

// "Vote for me in `epoch`", or with pre_vote: "would you vote for me in the epoch after `epoch`?" (KIP-996).
struct VoteRequest {
  Epoch epoch;  // Pre-vote: the sender's current epoch. Vote: the epoch it stands for.
  bool pre_vote = false;
  uint64_t round = 0;  // Repeated in the reply, so that an answer to an older round does not count.
  Epoch last_epoch;    // Of the entry before log_end.
  Offset log_end;
};

struct VoteReply {
  Epoch epoch;    // Of the one who answers.
  NodeId leader;  // That it knows for `epoch`, a hint; 0: none.
  bool pre_vote = false;
  uint64_t round = 0;
  Refusal refusal = Refusal::kNone;  // kNone: granted.
};

// Leader to voters without a stream: "I lead `epoch`, fetch from me." Repeated until they do.
struct BeginEpoch {
  Epoch epoch;
};

// Leader to voters: "I resign from `epoch`." Successors are ordered, the one with most of the log first; only
// a hint about who should stand for election first.
struct EndEpoch {
  Epoch epoch;
  std::vector<NodeId> successors;  // At most kVotersMax.
};

// Leader to one voter that holds the whole log: "stand for election now, without asking first" (Raft thesis
// 3.10).
struct HandOver {
  Epoch epoch;
};

// Answers BeginEpoch, EndEpoch and HandOver, and refuses what cannot be answered otherwise.
struct EpochReply {
  Epoch epoch;
  NodeId leader;
  Refusal refusal = Refusal::kNone;
};

// Follower to leader, on its fetch stream. The first (open) names the position to start from; later ones
// acknowledge and are the heartbeat upwards. Everything below durable_end has been fsynced by the sender.
struct FetchRequest {
  Epoch epoch;
  SessionId session;
  bool open = false;      // First message of the session.
  Offset durable_end;     // With open: also the sender's log end (rule S1).
  Epoch last_epoch;       // Of the entry durable_end - 1; 0 when there never was one.
  Offset high_watermark;  // As the sender knows it; for operators only, decides nothing.
  uint64_t probe = 0;     // Largest probe of the leader's frames in this session (reads).
};

// Entries of one epoch that follow each other.
struct EpochRun {
  Epoch epoch;
  uint32_t count = 0;          // At least 1.
  bool leader_change = false;  // The first of them is a LeaderChange.
};

// A frame of entries; the payloads stay with the driver. Empty runs: a heartbeat or a new high watermark.
struct Frame {
  Offset base;                      // Of the first entry; always the follower's log end.
  std::vector<EpochRun> runs;       // In order; counts add up to the number of entries in the frame.
  std::vector<VotersEntry> voters;  // Entries of kind kVoters in it, decoded; in order.
  uint64_t probe = 0;               // Repeat it in the next FetchRequest.
};

// Ends the session: the leader does not serve it.
struct FetchRefused {
  Refusal refusal = Refusal::kNone;
  SessionId known_session;  // kStaleSession: draw a larger one.
};

// Leader to follower. Everything but a Frame is the last message of its session: the position is not on the
// leader's log (EpochEnd: truncate), too old (SnapshotId: load it), or nothing can be served.
struct FetchReply {
  Epoch epoch;
  NodeId leader;  // Of `epoch`, as the sender knows it; 0: unknown.
  SessionId session;
  Offset high_watermark;  // 0 while the leader has none in its epoch.
  std::variant<Frame, EpochEnd, SnapshotId, FetchRefused> body;
};

using Body = std::variant<VoteRequest, VoteReply, BeginEpoch, EndEpoch, HandOver, EpochReply, FetchRequest,
                          FetchReply>;

struct Message {
  Identity from;
  NodeId to;
  Body body;
};

}  // namespace mom::quorum
