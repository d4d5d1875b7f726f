// Limits and times of one replica.
#pragma once

#include <cstdint>
#include <vector>

#include "core/quorum/types.h"

namespace mom::quorum {

// A plain value. All replicas of a cluster should have the same times.
struct Options {
  Identity self;
  // Whom a replica asks for the leader besides the voters that its log names. For observers.
  std::vector<NodeId> bootstrap;

  uint32_t fetch_timeout_ms = 2000;     // No frame from the leader for so long: pre-vote. >= 8.
  uint32_t election_timeout_ms = 1000;  // A round lasts this to twice this, by chance. >= 8.

  uint32_t frame_bytes_max = 1u << 20;   // Of payload in one frame; one larger entry still travels.
  uint32_t frame_entries_max = 4096;     // In one frame.
  uint32_t window_bytes_max = 8u << 20;  // Sent, not yet acknowledged, a session.
  uint32_t window_entries_max = 16384;   // The same in entries.
  uint32_t catch_up_entries_max = 4096;  // An observer this close to the log end may become a voter.
  uint32_t observers_max = 16;           // Remembered by a leader.
  uint32_t reads_max = 4096;             // Ids of linearizable reads that wait.

  int64_t fetch_timeout_ns() const { return int64_t{fetch_timeout_ms} * 1'000'000; }
  int64_t election_timeout_ns() const { return int64_t{election_timeout_ms} * 1'000'000; }
  // At least one message in each direction of a stream in this time.
  int64_t heartbeat_ns() const { return fetch_timeout_ns() / 4; }
  // A stream without a frame for so long is opened anew (S4).
  int64_t silence_ns() const { return heartbeat_ns() * 5 / 2; }
  int64_t begin_epoch_ns() const { return fetch_timeout_ns() / 2; }
  // Hardly more than a fetch timeout: a leader that no majority reaches must not be kept for longer than a
  // silent one; of a leader that is cut off both ways the followers notice first (ADR 0014).
  int64_t check_quorum_ns() const { return fetch_timeout_ns() * 17 / 16; }
  // First pause before a stream is opened again; doubles up to heartbeat_ns().
  int64_t reopen_ns() const { return heartbeat_ns() / 16; }
};

}  // namespace mom::quorum
