// ReplicaDriver: carries out what Quorum decides. Events go in, effects come out, and one function executes
// them in their order: nothing else writes, truncates or sends. Without threads, clocks or files of its own:
// those are ports, so that the same code runs in a node and in the simulator.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/entry.h"
#include "core/base/result.h"
#include "core/quorum/quorum.h"
#include "replication/replica/commit_pace.h"
#include "replication/replica/inbox.h"
#include "replication/replica/log_clock.h"
#include "replication/replica/log_tail.h"
#include "replication/replica/members.h"
#include "replication/replica/ports.h"
#include "replication/replica/proposal.h"

namespace mom::replication {

struct DriverOptions {
  quorum::Options quorum;
  uint64_t tail_bytes_max = 32u << 20;  // Payload kept in memory for followers, beyond what must be kept.
  uint32_t clock_pause_ms = 5;          // At most one clock entry in this time.
  PeerAddresses addresses;              // Of nodes, as far as known at the start.
};

// All must outlive the driver. `peers` and `snapshots` may be null in a cluster of one replica.
struct DriverPorts {
  RuntimePort* runtime = nullptr;
  LogPort* log = nullptr;
  ViewPort* view = nullptr;
  PeerPort* peers = nullptr;
  SnapshotPort* snapshots = nullptr;
  Inbox* inbox = nullptr;  // May be null: then there is only Propose.
};

struct DriverHooks {
  // Once: the node cannot go on. Nothing more is written or sent.
  std::function<void(const Status& status)> failed;
  // Role, epoch or leader changed.
  std::function<void()> role_changed;
  // Other voters, or other addresses: see quorum().voters() and addresses(). May be empty.
  std::function<void()> members_changed = {};
};

// Used by one thread. Functions named On... are how ports answer.
class ReplicaDriver {
 public:
  // `last_timestamp` is of the last entry in the log.
  ReplicaDriver(const DriverOptions& options, const quorum::Restored& restored, Timestamp last_timestamp,
                const DriverPorts& ports, DriverHooks hooks);

  void Start();
  // Appends all of them, or refuses all: their `done` says so. Takes their contents.
  void Propose(std::vector<Proposal>* proposals);
  // Inbox::Add has asked for it. Proposes what gathered, now or when those before it are out of the way.
  void DrainInbox();
  // The offset that a view must have applied to serve a linearizable read begun now.
  void ReadBarrier(std::function<void(Result<Offset>)> done);
  // `address`: where the others reach a replica that is added.
  void ChangeVoters(bool add, const quorum::ReplicaKey& replica, const std::string& address,
                    std::function<void(quorum::Refusal)> done);
  void TransferLeadership(NodeId target, std::function<void(quorum::Refusal)> done);
  void Resign() { Step(quorum::ResignAsked{}); }
  // The view holds a timer that is due then, by the log's time: the leader writes a clock entry. Empty: none.
  void SetNextDue(std::optional<Timestamp> next_due);
  // To be called at wake_at() or earlier.
  void Tick();
  Instant wake_at() const;
  // What an entry would be stamped with now.
  Timestamp LogTime() const { return clock_.At(ports_.runtime->Wall(), ports_.runtime->Now()); }
  // Answers all that wait for an outcome: it is uncertain. For the end.
  void Abandon(const std::string& why);

  void OnPersisted(const Status& status, Offset durable_end);
  void OnMessage(quorum::Message message, std::vector<Entry> entries);
  void OnFrameSent(NodeId peer, quorum::SessionId session, Offset end, uint64_t bytes);
  void OnStreamClosed(NodeId peer, quorum::SessionId session);
  void OnLogStartMoved(Offset log_start) { Step(quorum::LogStartMoved{log_start}); }
  void OnSnapshotMade(const quorum::SnapshotId& id) { Step(quorum::SnapshotAvailable{id}); }
  void OnSnapshotServed(const quorum::Identity& to, Epoch epoch) { Step(quorum::SnapshotServed{to, epoch}); }
  void OnSnapshotProgress(const quorum::SnapshotId& id, NodeId from, Epoch epoch);
  void OnSnapshotPulled(const quorum::SnapshotId& id, const quorum::VoterSet& voters);
  void OnSnapshotFailed(const quorum::SnapshotId& id) { Step(quorum::SnapshotFailed{id}); }
  // `timestamp` is of the last entry in the snapshot.
  void OnSnapshotInstalled(const quorum::SnapshotId& id, Timestamp timestamp);
  // `voters` is the payload of a voters entry that this node did not see go by: it came with a snapshot.
  void LearnAddresses(std::string_view voters);
  void Fail(const Status& status);

  const quorum::Quorum& quorum() const { return quorum_; }
  bool failed() const { return failed_; }
  const LogTail& tail() const { return tail_; }
  // Of all nodes ever heard of; never forgets one, since the entry that removed it may yet be truncated.
  const PeerAddresses& addresses() const { return addresses_; }

 private:
  struct Waiting {
    Offset offset;
    std::function<void(Outcome)> done;
  };
  using StreamKey = std::pair<NodeId, quorum::SessionId>;

  void Step(const quorum::Event& event);
  void Step(const quorum::Event& event, std::vector<Proposal>* proposals, std::vector<Entry>* entries);
  // Execution, in replica_effects.cc.
  void Execute(const quorum::Effects& effects, std::vector<Proposal>* proposals, std::vector<Entry>* entries);
  bool ExecuteLog(const quorum::Effects& effects, std::vector<Proposal>* proposals,
                  std::vector<Entry>* entries);
  Status ExecuteHardState(const quorum::HardState& state);
  Status ExecuteTruncate(Offset to);
  std::string EncodeMembers(const quorum::VoterSet& voters) const;
  Status ExecuteAppend(const quorum::Append& append, std::vector<Proposal>* proposals);
  Status ExecuteTakeOver(const quorum::Append& append, std::vector<Entry>* entries);
  Status SubmitAppended(std::vector<Entry> entries);
  void ExecuteSends(const quorum::Effects& effects);
  void ExecuteMessage(const quorum::Message& message);
  void ExecuteFrame(const quorum::SendFrame& order);
  void ExecuteCommit(Offset end);
  void ExecuteVerdicts(const quorum::Effects& effects);
  void OnFrameRead(const quorum::SendFrame& order, uint64_t ticket, Result<std::vector<Entry>> entries);
  void SendEntries(const quorum::SendFrame& order, std::vector<Entry> entries);
  bool IsGathering() const;
  bool MayLinger() const;
  void LingerAfterCommit();
  bool ProposalWaits() const;
  void ProposeGathered(bool at_once);
  void LoseStream(NodeId peer, quorum::SessionId session);
  void AnswerUncertain(Offset from, const std::string& why);
  void TrimTail();

  bool FillFrame(quorum::FetchReply* reply, const std::vector<Entry>& entries) const;
  void PlanClock();
  void ProposeClock();
  void OnClockDone(uint64_t ticket);
  Timestamp StampNow() { return clock_.Stamp(ports_.runtime->Wall(), ports_.runtime->Now()); }

  const DriverOptions options_;
  const DriverPorts ports_;
  const DriverHooks hooks_;
  quorum::Quorum quorum_;
  PeerAddresses addresses_;
  std::optional<std::pair<NodeId, std::string>> added_;  // Address of the replica that is being added.
  bool failed_ = false;
  bool stepping_ = false;  // Ports must not call back from inside.
  LogClock clock_;
  LogTail tail_;
  Offset handed_end_;            // Everything below was given to the view.
  std::deque<Waiting> waiting_;  // For outcomes of entries at and behind handed_end_, ascending.

  std::map<StreamKey, uint64_t> reading_;  // Frames whose entries are being read, by ticket.
  uint64_t last_ticket_ = 0;

  std::map<uint64_t, std::function<void(Result<Offset>)>> reads_;
  std::map<uint64_t, std::function<void(quorum::Refusal)>> admin_;
  uint64_t last_id_ = 0;

  CommitPace pace_;
  std::optional<CommitPace::Linger> linger_;  // Since everything is committed, until the next proposal.
  bool awaits_ = false;                       // Comes back to the inbox without being asked.
  bool draining_ = false;                     // The steps that it takes do not drain again.

  // The clock entry that the leader writes next. Whatever one of these depends on ends in PlanClock.
  std::optional<Timestamp> next_due_;
  uint64_t clock_in_flight_ = 0;  // Ticket of the one that is on its way; 0: none.
  Instant clock_not_before_;      // A pause behind the last one.
  Instant clock_at_ = quorum::kNever;
};

}  // namespace mom::replication
