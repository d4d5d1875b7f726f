// What AsioReplica shows of itself.
#include <algorithm>

#include "replication/replica/asio_replica.h"

namespace mom::replication {
namespace {

const char* NameOf(quorum::Role role) {
  switch (role) {
    case quorum::Role::kLeader:
      return "leader";
    case quorum::Role::kProspective:
    case quorum::Role::kCandidate:
      return "candidate";
    default:
      return "follower";
  }
}

}  // namespace

void AsioReplica::Publish() {
  const quorum::Quorum& quorum = driver_.quorum();
  role_ = NameOf(quorum.role());
  const bool changed = leader_id_.exchange(quorum.leader().value) != quorum.leader().value;
  if (changed && forwarder_) runtime_.Post([this] { forwarder_->OnLeaderChanged(); });
  // A follower of a leader that writes nothing gets nothing to apply, but hears how far the leader is.
  const quorum::Following& following = quorum.following();
  const Offset known =
      std::max(quorum.high_watermark().value_or(quorum::kOffsetMax), following.leader_high_watermark);
  const bool has_heard = quorum.role() == quorum::Role::kLeader || following.leader_high_watermark > Offset{};
  if (forwarder_ && has_heard && !quorum.damaged() && known.value <= applied_end_) caught_up_ = true;
  const bool is_at_rest = !following.pulling && !following.installing;
  // The log goes on here after all. Until then one that cannot be loaded keeps this node from being ready.
  if (snapshots_ && is_at_rest && (quorum.role() == quorum::Role::kLeader || following.framed))
    snapshots_->ForgetLoad();
  ShowMembers();
  TellLeader(changed);
  std::lock_guard lock(info_mutex_);
  info_.voters.clear();
  for (const quorum::ReplicaKey& voter : quorum.voters()) info_.voters.push_back(voter.node.value);
  info_.peers.clear();
  for (const quorum::Progress& p : quorum.progress()) {
    info_.peers.push_back({p.key.node.value, p.voter, p.open, p.match});
  }
  info_.epoch = quorum.epoch();
  info_.leader_id = quorum.leader().value;
  info_.log_end = quorum.log_end();
  info_.durable_end = quorum.durable_end();
  // A new leader knows none of its own yet; what was known before stays true.
  info_.high_watermark = std::max({info_.high_watermark, quorum.high_watermark().value_or(Offset{0}),
                                   quorum.following().leader_high_watermark});
  info_.damaged = quorum.damaged();
  info_.loading_snapshot = !is_at_rest || (snapshots_ && snapshots_->Load());
}

void AsioReplica::SetRestAddress(std::string address) {
  std::lock_guard lock(info_mutex_);
  info_.rest_address = std::move(address);
}

void AsioReplica::TellUpheaval() {
  if (upheaval_listener_) upheaval_listener_();
}

void AsioReplica::TellDivergence() {
  if (!watch_ || watch_->Report(runtime_.Now()).diverged == told_diverged_) return;
  told_diverged_ = !told_diverged_;
  TellUpheaval();
}

// Not of every epoch in which nobody was elected.
void AsioReplica::TellLeader(bool is_another) {
  const NodeId leader = driver_.quorum().leader();
  const Epoch epoch = driver_.quorum().epoch();
  if (!is_another && (leader == NodeId{} || epoch == told_epoch_)) return;
  told_epoch_ = epoch;
  if (options_.on_leader) options_.on_leader(leader, epoch);
}

void AsioReplica::ShowMembers() {
  const quorum::VoterSet& voters = driver_.quorum().voters();
  if (members_.voters == voters && members_.addresses == driver_.addresses()) return;
  members_ = Members{voters, driver_.addresses()};
  {
    std::lock_guard lock(info_mutex_);
    for (const auto& [node, address] : members_.addresses) info_.addresses[node.value] = address;
  }
  if (options_.on_members) options_.on_members(members_);
}

ReplicaInfo AsioReplica::Info() const {
  ReplicaInfo info = OwnInfo();
  if (!watch_) return info;
  WatchReport report = watch_->Report(runtime_.Now());
  info.nodes = std::move(report.nodes);
  info.digest_comparisons = report.comparisons;
  info.digest_mismatches = report.mismatches;
  info.diverged = report.diverged;
  return info;
}

ReplicaInfo AsioReplica::OwnInfo() const {
  ReplicaInfo info;
  {
    std::lock_guard lock(info_mutex_);
    info = info_;
  }
  info.role = role_.load();
  info.caught_up = caught_up_.load();
  const DigestMark applied = marks_.newest();
  info.applied_end = applied.end;
  info.digest = applied.digest;
  info.high_watermark = std::max(info.high_watermark, Offset{committed_end_.load()});
  info.log_start = Offset{log_start_.load()};
  info.run_ahead = ahead_.run.load();
  info.run_ahead_wasted = ahead_.wasted.load();
  info.wal_syncs = wal_syncs_.load();
  info.sync_times = log_.SyncTimes();
  info.wal_entries = wal_entries_.load();
  info.wal_bytes = wal_bytes_.load();
  info.pending = pending_entries_.load();
  info.disk_nearly_full = room_.nearly_full();
  if (!snapshots_) return info;
  if (info.loading_snapshot) info.snapshot = snapshots_->Load();
  const SnapshotCounts& counts = snapshots_->counts();
  info.snapshots_made = counts.made;
  info.snapshots_loaded = counts.loaded;
  info.snapshots_failed = counts.failed;
  return info;
}

Timestamp AsioReplica::Now() const {
  return std::max(Timestamp{applied_ms_.load()}, WallNow());
}

}  // namespace mom::replication
