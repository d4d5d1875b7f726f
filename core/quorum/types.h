// Words of the replication protocol: who a replica is, what it remembers, how a position is named.
// Plain values, thread-compatible. Every *end* is exclusive. No payloads anywhere in core/quorum.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <ostream>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"

namespace mom::quorum {

// KRaft's roles (KIP-595, KIP-996). An observer, a replica that is not in the voter set, knows only
// kUnattached and kFollower.
//   kUnattached   knows an epoch but not its leader; may have voted in it.
//   kFollower     knows the leader of its epoch and pulls from it.
//   kProspective  asks whether an election could be won (pre-vote); changes nothing durable.
//   kCandidate    asks for votes of a new epoch, has voted for itself.
//   kLeader       won the epoch.
//   kResigned     led this epoch and never will again; waits for the next.
enum class Role : uint8_t { kUnattached, kFollower, kProspective, kCandidate, kLeader, kResigned };

// One copy of the log: a node together with the disk it lives on. A node that comes back with an empty disk
// is another replica, so it can neither vote nor acknowledge for the one that was lost (KIP-853; P13).
struct ReplicaKey {
  NodeId node;
  Uuid disk;
  auto operator<=>(const ReplicaKey&) const = default;
  bool empty() const { return node == NodeId{}; }
};

// Who speaks. In every message; a message of another cluster is refused.
struct Identity {
  Uuid cluster;
  NodeId node;
  Uuid disk;
  bool operator==(const Identity&) const = default;
  ReplicaKey key() const { return ReplicaKey{node, disk}; }
};

// A life of one fetch stream, drawn by the follower. Grows with every stream that a replica opens, over
// restarts too; 0 means none.
struct SessionId {
  uint64_t value = 0;
  auto operator<=>(const SessionId&) const = default;
};

// Largest numbers that are believed when a peer sends them; nothing below can overflow by counting on.
inline constexpr Epoch kEpochMax{0xffff'0000u};
inline constexpr Offset kOffsetMax{uint64_t{1} << 62};
inline constexpr SessionId kSessionMax{uint64_t{1} << 62};
inline constexpr SessionId kSessionHintMax{uint64_t{1} << 61};  // Taken over from a leader's answer.
inline constexpr size_t kVotersMax = 9;
inline constexpr uint32_t kFrameEntriesMax = 65536;

// Later than every time: no deadline.
inline constexpr Instant kNever{INT64_MAX};

// The replicas that count for majorities. Sorted by key, at most kVotersMax, no node twice, no heap.
class VoterSet {
 public:
  VoterSet() = default;
  // REQUIRES: IsValid(keys).
  explicit VoterSet(std::vector<ReplicaKey> keys);
  // At least one and at most kVotersMax; every node and disk id is set; no node twice.
  static bool IsValid(const std::vector<ReplicaKey>& keys);

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t majority() const { return size_ / 2u + 1; }
  const ReplicaKey* begin() const { return keys_.data(); }
  const ReplicaKey* end() const { return keys_.data() + size_; }
  bool Contains(const ReplicaKey& key) const { return std::find(begin(), end(), key) != end(); }
  bool ContainsNode(NodeId node) const;
  // True when `key` is the only voter.
  bool IsSole(const ReplicaKey& key) const { return size_ == 1 && keys_[0] == key; }
  // REQUIRES: fewer than kVotersMax, node not present / key present.
  VoterSet With(const ReplicaKey& key) const;
  VoterSet Without(const ReplicaKey& key) const;
  bool operator==(const VoterSet& other) const {
    return std::equal(begin(), end(), other.begin(), other.end());
  }

 private:
  std::array<ReplicaKey, kVotersMax> keys_{};
  uint8_t size_ = 0;
};

// A voter set and the offset of the entry (kind kVoters) that holds it. It counts from the moment the entry
// is appended, and no longer once the entry is truncated.
struct VotersEntry {
  Offset offset;
  VoterSet voters;
  bool operator==(const VotersEntry&) const = default;
};

// What must be durable before anything that depends on it leaves the node.
struct HardState {
  Epoch epoch;           // Highest seen; never falls.
  ReplicaKey voted_for;  // Who got the vote of `epoch`; empty: nobody.
  NodeId leader;         // Of `epoch`; 0: unknown. This node's id means: led it, and never leads it again.
  bool operator==(const HardState&) const = default;
};

// An epoch and its first offset in the log.
struct EpochStart {
  Epoch epoch;
  Offset start;
  bool operator==(const EpochStart&) const = default;
};

// An epoch and the end of its entries in a log.
struct EpochEnd {
  Epoch epoch;
  Offset end;
  bool operator==(const EpochEnd&) const = default;
};

// A state of the view: everything below `end`, of which the last entry has `epoch`.
struct SnapshotId {
  Offset end;
  Epoch epoch;
  bool operator==(const SnapshotId&) const = default;
};

// Why something was not done. kNone means it was.
enum class Refusal : uint8_t {
  kNone,
  // Between replicas.
  kWrongCluster,  // The sender belongs to another cluster.
  kWrongNode,     // The message is not for this node.
  kInvalid,       // A field has a value that no correct replica sends.
  kFencedEpoch,   // The sender's epoch is over.
  kUnknownEpoch,  // The sender's epoch has not begun here: the receiver is behind.
  kNotLeader,     // Not the leader; the reply names the leader when known.
  kStaleSession,  // A newer stream of the same replica is known; the reply says which.
  kNoSnapshot,    // The position is too old and no snapshot is ready yet; ask again.
  kOverloaded,    // A limit was reached.
  kVoted,         // The vote of this epoch is given.
  kLogBehind,     // The candidate's log is older.
  kLeaderAlive,   // Pre-vote only: the leader is heard.
  kDamaged,       // The log has a hole: no votes.
  // To whoever drives this replica.
  kTransferring,  // Leadership is being handed over; retry.
  kNotReady,      // No entry of the own epoch is committed yet; retry.
  kBusy,          // Another voter change or transfer is under way.
  kNoChange,      // The voter is a member already, or is none.
  kNotCaughtUp,   // The new voter lags too far behind, or too few voters are in touch.
  kTimedOut,
  kUncertain,  // Leadership was lost; the entry may or may not survive.
};

std::ostream& operator<<(std::ostream& out, Role role);
std::ostream& operator<<(std::ostream& out, Refusal refusal);
std::ostream& operator<<(std::ostream& out, const ReplicaKey& key);
std::ostream& operator<<(std::ostream& out, SessionId session);
std::ostream& operator<<(std::ostream& out, const VoterSet& voters);

}  // namespace mom::quorum
