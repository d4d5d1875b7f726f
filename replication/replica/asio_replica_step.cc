// The protocol's half of AsioReplica: events go into Quorum, effects are carried out.
#include <chrono>
#include <utility>

#include "core/base/check.h"
#include "core/broker/broker.h"
#include "replication/replica/asio_replica.h"

namespace mom::replication {
namespace {

Instant MonotonicNow() {
  using std::chrono::duration_cast, std::chrono::nanoseconds, std::chrono::steady_clock;
  return Instant{duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count()};
}

Outcome Refused(Status::Code code, std::string message) {
  return Outcome{Status(code, std::move(message)), {}, {}, {}};
}

}  // namespace

quorum::Options AsioReplica::QuorumOptions(const DataDir& data) {
  quorum::Options options;
  options.self = quorum::Identity{data.identity.cluster, data.identity.node, data.identity.disk};
  return options;
}

// A folder without a voter set in its log is a cluster of this one replica. One with a set was written by a
// cluster, which this driver cannot join: to lead alone would be the worst.
quorum::Restored AsioReplica::Restore(const DataDir& data) {
  MOM_CHECK(data.report.voters_entries.empty(), data.report.voters_entries.size());
  quorum::Restored restored;
  const wal::HardState& state = data.hard_state;
  restored.hard_state = {state.epoch, {state.voted_for, state.voted_for_disk}, state.leader};
  if (state.voted_for == NodeId{}) restored.hard_state.voted_for = quorum::ReplicaKey{};
  restored.log_start = data.wal->log_start();
  restored.log_start_epoch = data.report.start_epoch;
  restored.log_end = data.wal->log_end();
  for (const wal::EpochBegin& e : data.report.epochs) restored.epochs.push_back({e.epoch, e.begin});
  restored.voters = quorum::VoterSet({quorum::ReplicaKey{data.identity.node, data.identity.disk}});
  restored.committed_end = broker::ReadAppliedState(*data.view->Latest()).end;
  restored.seed = data.identity.disk.low ^ static_cast<uint64_t>(MonotonicNow().ns);
  return restored;
}

// What is refused makes nothing durable, so nobody would wake the inbox again: look once more.
void AsioReplica::DrainInbox() {
  while (true) {
    std::vector<Proposal> proposals;
    {
      std::lock_guard lock(inbox_mutex_);
      proposals.swap(inbox_);
      inbox_posted_ = false;
      log_busy_ = quorum_.durable_end() < quorum_.log_end() || !proposals.empty();
    }
    if (proposals.empty()) return;
    Step(quorum::Proposed{static_cast<uint32_t>(proposals.size())}, &proposals);
    if (failed_ || quorum_.durable_end() < quorum_.log_end()) return;
  }
}

void AsioReplica::Step(const quorum::Event& event) {
  std::vector<Proposal> none;
  Step(event, &none);
}

void AsioReplica::Step(const quorum::Event& event, std::vector<Proposal>* proposals) {
  Execute(quorum_.Step(MonotonicNow(), event), proposals);
}

// The only place where effects happen, in the order of the struct: what later ones promise must be durable,
// or on its way, before. A cluster of one voter neither truncates nor sends nor loads snapshots.
void AsioReplica::Execute(const quorum::Effects& effects, std::vector<Proposal>* proposals) {
  if (failed_) {
    for (auto& proposal : *proposals) {
      if (proposal.done) proposal.done(Refused(Status::kStopping, "the node failed and stops"));
    }
    return;
  }
  if (effects.hard_state) {
    const quorum::HardState& state = *effects.hard_state;
    const wal::HardState durable{state.epoch, state.voted_for.node, state.voted_for.disk, state.leader};
    if (Status status = wal::WriteHardState(data_.env, data_.hard_state_path(), durable); !status.ok()) {
      return Fail(status);
    }
  }
  MOM_CHECK(!effects.truncate_to && !effects.install && effects.messages.empty() && effects.frames.empty());
  if (effects.append) ExecuteAppend(*effects.append, proposals);
  if (effects.committed_end) ExecuteCommit(*effects.committed_end);
  MOM_CHECK(effects.refused <= proposals->size(), effects.refused);
  if (effects.refused > 0) {
    for (auto& proposal : *proposals) {
      if (proposal.done) proposal.done(Refused(Status::kNotLeader, "this node does not lead"));
    }
  }
  if (effects.role) Publish();
  if (effects.wake_at != armed_for_) ArmProtocol(effects.wake_at);
}

void AsioReplica::ArmProtocol(Instant wake_at) {
  armed_for_ = wake_at;
  protocol_timer_.cancel();
  if (wake_at == quorum::kNever || stopping_) return;
  protocol_timer_.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(wake_at.ns)));
  protocol_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !stopping_ && !failed_) Step(quorum::Tick{});
  });
}

void AsioReplica::ExecuteAppend(const quorum::Append& append, std::vector<Proposal>* proposals) {
  std::vector<Entry> entries;
  entries.reserve(append.commands + 1);
  Offset offset = append.begin;
  auto add = [&](EntryKind kind, std::shared_ptr<const std::string> payload,
                 std::function<void(Outcome)> done) {
    Entry entry{offset, append.epoch, StampNow(), kind, std::move(payload)};
    entries.push_back(entry);
    in_flight_.push_back(Pending{std::move(entry), std::move(done)});
    offset = Next(offset);
  };
  if (append.leader_change) {
    add(EntryKind::kLeaderChange,
        std::make_shared<const std::string>(std::to_string(data_.identity.node.value)), nullptr);
  }
  MOM_CHECK(append.commands == proposals->size(), append.commands, proposals->size());
  for (auto& proposal : *proposals) add(proposal.kind, std::move(proposal.payload), std::move(proposal.done));
  proposals->clear();
  if (Status status = wal_->Submit(std::move(entries)); !status.ok()) Fail(status);
}

void AsioReplica::ExecuteCommit(Offset end) {
  std::vector<Pending> committed;
  while (!in_flight_.empty() && in_flight_.front().entry.offset < end) {
    committed.push_back(std::move(in_flight_.front()));
    in_flight_.pop_front();
  }
  applier_->Commit(end, std::move(committed));
}

void AsioReplica::OnPersisted(const Status& status, Offset durable_end) {
  if (failed_) return;
  if (!status.ok()) return Fail(status);
  wal_syncs_.fetch_add(1);
  wal_entries_.fetch_add((durable_end - quorum_.durable_end()).value);
  Step(quorum::Persisted{durable_end});
  DrainInbox();
  Publish();
}

}  // namespace mom::replication
