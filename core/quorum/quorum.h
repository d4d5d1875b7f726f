// Quorum: the replication protocol as a pure state machine (KRaft's pull protocol on long-lived streams). An
// event and the time go in, effects come out; the driver carries the effects out in the order of their
// fields. Rules by number (S1-S5, I1-I17): docs/protocol.md. From: Raft thesis; KIP-595, 630, 853, 996, 1166.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/random.h"
#include "core/quorum/effects.h"
#include "core/quorum/epoch_table.h"
#include "core/quorum/events.h"
#include "core/quorum/options.h"
#include "core/quorum/state.h"
#include "core/quorum/voter_history.h"

namespace mom::quorum {

// Not thread-safe; one instance a group, never a singleton. Holds offsets and epochs, never payloads. Events
// of the driver that contradict earlier ones are our own bugs and stop the process (MOM_CHECK); messages of
// peers never do. The same seed and the same events give the same effects on every machine.
class Quorum {
 public:
  // REQUIRES: `restored` is consistent: hard state not older than the log, ends in order.
  Quorum(const Options& options, const Restored& restored);

  // REQUIRES: `now` never falls; the first event is Started.
  Effects Step(Instant now, const Event& event);

  Role role() const { return role_; }
  Epoch epoch() const { return hard_state_.epoch; }
  NodeId leader() const { return KnownLeader(); }  // 0: unknown.
  Offset log_start() const { return epochs_.log_start(); }
  Offset log_end() const { return epochs_.log_end(); }
  Offset durable_end() const { return durable_end_; }
  // Follower: min(leader's, own log end). Leader: empty until an entry of its epoch is committed (I10).
  std::optional<Offset> high_watermark() const;
  const Following& following() const { return follow_; }  // Of a follower: its leader and stream.
  // Everything below may be applied: committed and durable here.
  Offset committed_end() const { return committed_end_; }
  bool damaged() const { return damaged_; }
  // In use: the last in the log, committed or not (I15).
  const VoterSet& voters() const { return voters_.current(); }
  bool is_voter() const { return voters().Contains(self_); }
  // In force behind `end`; for the maker of a snapshot. REQUIRES: log_start <= end <= log_end.
  const VoterSet& VotersAt(Offset end) const { return voters_.At(end); }
  const EpochTable& epochs() const { return epochs_; }
  const std::vector<Progress>& progress() const { return lead_.progress; }
  const HardState& hard_state() const { return hard_state_; }
  Instant wake_at() const { return NextDeadline(); }

 private:
  friend class Invariants;  // invariants.cc reads everything, changes nothing.

  // quorum.cc: one handler an event; small helpers of all the rest.
  void On(const Started& event);
  void On(const Tick& event);
  void On(const Received& event);
  void On(const Persisted& event);
  void On(const LogStartMoved& event);
  void Send(NodeId to, Body body);
  void RaiseCommitted();
  void AppendAsLeader(bool leader_change, const VoterSet* voters, uint32_t commands);
  Instant After(int64_t ns) const;
  int64_t Jitter(int64_t below_ns);

  // election.cc
  void On(const VoteRequest& request, const Identity& from);
  void On(const VoteReply& reply, const Identity& from);
  Refusal JudgeVote(const VoteRequest& request, const ReplicaKey& candidate) const;
  Refusal JudgePreVote(const VoteRequest& request) const;
  bool IsLogUpToDate(Epoch last_epoch, Offset log_end) const;
  void YieldTo(const VoteRequest& request, const ReplicaKey& candidate);
  bool MayStand() const;
  void BecomeProspective(bool ask);
  void BecomeCandidate();
  void StartRound(bool pre_vote);
  void LoseRound();
  void OnElectionTimeout();

  // roles.cc: transitions that several concerns share.
  void LearnEpoch(Epoch epoch);
  void LearnHint(NodeId leader);
  void LeaveRole(Role next);
  NodeId KnownLeader() const;
  void BecomeUnattached(Epoch epoch);
  void BecomeFollower(Epoch epoch, const ReplicaKey& leader);
  void BecomeLeader();
  void Resign();
  void SetElectionDeadline();

  // notices.cc: epoch notices and the handing over of leadership.
  void On(const BeginEpoch& notice, const Identity& from);
  void On(const EndEpoch& notice, const Identity& from);
  void On(const HandOver& notice, const Identity& from);
  void On(const EpochReply& reply, const Identity& from);
  void On(const TransferLeadership& event);
  void On(const ResignAsked& event);
  void SendBeginEpoch(bool all);
  void ContinueTransfer();
  void EndTransfer(Refusal refusal);

  // follower.cc: the pulling side of a stream.
  void On(const FetchReply& reply, const Identity& from);
  void OnFrame(const FetchReply& reply, const Frame& frame);
  void OnDiverging(const FetchReply& reply, const EpochEnd& diverging);
  void OnSnapshotOffered(const FetchReply& reply, const SnapshotId& id);
  void OnFetchRefused(const FetchReply& reply, const FetchRefused& refused);
  bool IsAcceptable(const FetchReply& reply, const Frame& frame) const;
  void OnLeaderStreamClosed();
  void OpenStream(NodeId peer);
  void OpenStreamIfDue();
  void DropStream();
  void DelayReopen();
  void Acknowledge();
  void FollowHighWatermark(Offset leader_high_watermark);
  void HeardLeader();
  void OnFollowerTick();
  void CheckRepaired();
  NodeId NextToAsk();

  // leader.cc: proposals, time of a leader.
  void On(const Proposed& event);
  void OnLeaderTick();
  void RestartCheckQuorum();
  void Contact(Progress* progress);
  void WatchDisk();

  // sessions.cc: the serving side of the streams.
  void On(const FetchRequest& request, const Identity& from);
  void On(const FrameSent& event);
  void On(const StreamClosed& event);
  void OpenSession(const FetchRequest& request, Progress* progress);
  void OnAcknowledged(const FetchRequest& request, Progress* progress);
  void RefuseFetch(const FetchRequest& request, NodeId to, Refusal refusal, SessionId known);
  void EndSession(Progress* progress, bool close_stream);
  void EndAllSessions();
  void SendWhatIsDue(Progress* progress);
  void SendToAll();
  bool ServesFrom(const FetchRequest& request, Progress* progress);
  Progress* FindProgress(const ReplicaKey& key);
  Progress* AddObserver(const ReplicaKey& key);
  void MatchProgressToVoters();

  // watermark.cc
  void RaiseHighWatermark();
  Offset MajorityEnd() const;

  // reads.cc
  void On(const ReadRequested& event);
  void ConfirmReads();
  void RefuseReads(Refusal refusal);

  // membership.cc
  void On(const ChangeVoters& event);
  Refusal JudgeChange(const ChangeVoters& event);
  bool IsMajorityInTouch(const VoterSet& changed) const;
  void OnVotersCommitted();

  // snapshot.cc
  void On(const SnapshotAvailable& event);
  void On(const SnapshotServed& event);
  void On(const SnapshotProgress& event);
  void On(const SnapshotDownloaded& event);
  void On(const SnapshotFailed& event);
  void On(const SnapshotInstalled& event);
  void AbortSnapshot();

  // validate.cc: what may be believed of a message.
  Refusal Validate(const Message& message) const;
  void RefuseMessage(const Message& message, Refusal refusal);

  Instant NextDeadline() const;
  const Options options_;
  const ReplicaKey self_;
  SplitMix64 random_;
  Instant now_;
  bool started_ = false;
  Effects* effects_ = nullptr;  // Of the step that runs, like the next.
  bool proposal_follows_ = false;
  HardState hard_state_;
  Role role_ = Role::kUnattached;
  std::optional<Epoch> led_before_;  // Led before the restart, never again (I3).
  bool damaged_ = false;

  EpochTable epochs_;   // Also log start and log end.
  Offset durable_end_;  // Invariant: <= log end.
  VoterHistory voters_;
  Offset high_watermark_;               // Largest known; never falls in a run (I10). A leader's own: lead_.
  Offset committed_end_;                // min(high watermark, durable end), as told to the driver.
  std::optional<SnapshotId> snapshot_;  // That can be handed out.

  Instant deadline_ = kNever;  // Of the role: fetch timeout, election timeout, end of a round.
  Campaign campaign_;          // Of kProspective and kCandidate.
  Following follow_;           // The stream upwards: of kFollower, and of kUnattached in search of a leader.
  Leadership lead_;            // Of kLeader.
};

}  // namespace mom::quorum
