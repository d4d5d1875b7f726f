// World: some replicas with pretended disks and network, driven by hand or at random. Nothing happens by
// itself: every message, fsync and timer waits until it is asked for. Checks what docs/protocol.md promises
// of a whole cluster: G1 to G3, G5, and that a confirmed read sees every earlier commit.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/entry.h"
#include "core/quorum/quorum.h"

namespace mom::quorum {

struct LogEntry {
  Epoch epoch;
  EntryKind kind = EntryKind::kCommand;
  uint64_t id = 0;  // Different for every entry ever proposed.
  VoterSet voters;
};

// What travels from one node to another: a message, with the entries of a frame, or the end of a stream.
struct Packet {
  NodeId from, to;
  std::optional<Message> message;
  std::vector<LogEntry> entries;
  std::optional<FrameSent> sent;  // Told to the sender when the packet leaves the queue.
  SessionId closed;
  bool is_stream() const;
};

// A node with its disk. `core` is empty while it is down.
struct Node {
  NodeId id;
  Uuid disk;
  std::unique_ptr<Quorum> core;
  // On the disk.
  HardState hard_state;
  Offset log_start;
  Epoch start_epoch;
  VoterSet floor;
  std::vector<LogEntry> log;  // Behind log_start.
  Offset synced;              // Of log; what lies behind is lost by a crash.
  Offset applied;
  Offset counted;  // High watermark that was compared with the disks.
  bool damaged = false;
  uint64_t starts = 0;
  std::optional<SnapshotId> installing;
  VoterSet installing_voters;

  Instant wake_at = kNever;
  std::optional<PullSnapshot> pulling;
  bool snapshot_wanted = false;
  bool stalled = false;  // Its fsync does not return.
  uint32_t waiting = 0;  // Commands that its driver proposes when the high watermark moves.
  Offset log_end() const { return log_start + Count{log.size()}; }
  const LogEntry& At(Offset offset) const { return log.at((offset - log_start).value); }
  ReplicaKey key() const { return ReplicaKey{id, disk}; }
};

class World {
 public:
  // `nodes` voters, numbered from 1, not started.
  World(uint32_t nodes, uint64_t seed);
  Node& AddNode(NodeId id, Uuid disk, const VoterSet& floor);

  Node& node(uint32_t id) { return *nodes_.at(id); }
  const std::map<uint32_t, std::unique_ptr<Node>>& nodes() const { return nodes_; }
  Instant now() const { return now_; }
  void Advance(int64_t ns) { now_.ns += ns; }

  void Start(uint32_t id);
  // The process ends: what was not synced is lost. `loud`: peers see their streams end.
  void Crash(uint32_t id, bool loud);
  // Entries [to, end) vanish from the disk of a stopped node, which notices.
  void Damage(uint32_t id, Offset to);
  void Do(uint32_t id, const Event& event);

  // Packets between two nodes in the order of sending; streams and the rest apart.
  using Link = std::deque<Packet>;
  std::map<std::pair<uint32_t, uint32_t>, Link>& links() { return links_; }
  // Takes packet `index` of the link out, and hands it over unless it is lost.
  void Deliver(uint32_t from, uint32_t to, size_t index, bool lose);
  void Persist(uint32_t id, Offset to);
  Identity IdentityOf(const Node& node) const;
  // Hands a message over as if it had just arrived.
  void Hand(uint32_t to, const Message& message);
  // Gives up the log below what is applied.
  void DropPrefix(uint32_t id);
  // Offers a snapshot of everything applied, if something is.
  void OfferSnapshot(uint32_t id);
  void FinishSnapshot(uint32_t id);  // Downloads or installs what is under way.
  bool IsCut(uint32_t from, uint32_t to) const;
  void Cut(uint32_t from, uint32_t to, bool cut) { cuts_[{from, to}] = cut; }

  // The node that leads the highest epoch; 0 when none.
  uint32_t Leader() const;
  uint64_t commits() const { return committed_.size(); }

  // Called after every step.
  std::function<void(const Node&, const Effects&)> on_effects;
  Options options;

 private:
  void Execute(Node* node, const Effects& effects, const Packet* frame);
  void ExecuteAppend(Node* node, const Append& append, const Packet* frame);
  void ExecuteFrame(Node* node, const SendFrame& order);
  void CheckCommit(Node* node, Offset from, Offset to);
  void CheckMajority(Node& leader);
  void CheckReads(const Node& node, const Effects& effects);

  Instant now_{1'000'000'000};
  uint64_t seed_;
  uint64_t next_id_ = 1;
  std::map<uint32_t, std::unique_ptr<Node>> nodes_;
  std::map<std::pair<uint32_t, uint32_t>, Link> links_;
  std::map<std::pair<uint32_t, uint32_t>, bool> cuts_;
  std::map<uint32_t, uint32_t> led_;                             // Epoch to leader (G1).
  std::map<uint64_t, std::pair<uint32_t, uint64_t>> committed_;  // Offset to epoch and id (G2, G3).
  std::map<std::pair<uint32_t, uint64_t>, uint64_t>
      reads_;  // Node and id to what was committed when it came.
  const Packet* current_frame_ = nullptr;
};

}  // namespace mom::quorum
