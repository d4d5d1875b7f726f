// PeerWatch: asks the other nodes how they are, and whether they hold the same state.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "replication/replica/digest_marks.h"
#include "replication/replica/digest_verdict.h"
#include "replication/replica/node_status.h"

namespace mom::replication {

inline constexpr int64_t kWatchPauseMs = 1000;    // Between two questions to one node.
inline constexpr int64_t kWatchTimeoutMs = 800;   // For an answer; below the pause, so one question is out.
inline constexpr int64_t kWatchHeardMs = 10'000;  // Older answers have no part in a verdict.
inline constexpr int64_t kWatchLogMs = 60'000;    // Between two lines about one node that stays different.
static_assert(kWatchTimeoutMs < kWatchPauseMs);

struct PeerWatchHooks {
  // Where the nodes are, this one included or not; asked at every tick.
  std::function<std::map<NodeId, std::string>()> addresses;
  // Asks a node; `done` once, on any thread, within kWatchTimeoutMs or when the links are cut.
  std::function<void(NodeId to, std::function<void(Result<NodeStatus>)> done)> ask;
  // A line for whoever operates the node: states differ. May be empty.
  std::function<void(const std::string& text)> alarm;
};

struct WatchReport {
  std::vector<WatchedNode> nodes;  // The others, ascending.
  uint64_t comparisons = 0;        // Of digests of this node with another's, since the start.
  uint64_t mismatches = 0;         // Those of them that differed.
  bool diverged = false;           // This node has, by the verdict of those that were heard.
};

// Changes nothing and stops nothing: a state that differs is a fault that a person must look into.
// Tick is for one thread at a time; Report is thread-safe. `marks` must outlive it. Answers may come later
// than its end.
class PeerWatch {
 public:
  PeerWatch(NodeId self, const DigestMarks* marks, PeerWatchHooks hooks);

  // Compares what came in since the last time, and asks everybody who does not owe an answer. Every
  // kWatchPauseMs. `leader` 0: not known.
  void Tick(Instant now, NodeId leader);
  WatchReport Report(Instant now) const;

 private:
  struct Peer;
  struct State;

  std::vector<NodeId> PrepareLocked(const std::map<NodeId, std::string>& addresses, Instant now);
  void JudgeLocked(const std::vector<DigestMark>& own, Instant now, NodeId leader);
  // The line to log about `peer`; empty when there is none.
  std::string CompareLocked(NodeId node, const std::vector<DigestMark>& own, Instant now, Peer* peer);
  std::string DescribeLocked(NodeId node, const std::pair<DigestMark, DigestMark>& first, size_t count) const;

  const NodeId self_;
  const DigestMarks* const marks_;
  const PeerWatchHooks hooks_;
  const std::shared_ptr<State> state_;  // Also held by questions that are out.
};

}  // namespace mom::replication
