#include "replication/replica/open_log.h"

#include <utility>

#include "replication/replica/marks.h"
#include "replication/replica/put_aside.h"
#include "replication/replica/voters_codec.h"

namespace mom::replication {
namespace {

Status OpenWal(const OpenLogOptions& options, OpenedLog* log) {
  const std::string path = options.dir + "/log";
  MOM_RETURN_IF_ERROR(options.env->CreateDir(path));
  wal::WalOptions wal_options = options.wal;
  wal_options.log_id = options.identity.disk;
  // A log is made before the first vote, so a node that knows an epoch has one. A damaged one was put aside.
  wal_options.may_create = options.hard_state.epoch == Epoch{0} || log->damaged;
  log->report = wal::RecoveryReport();
  auto wal = wal::Wal::Open(options.env, path, wal_options, &log->report);
  if (!wal.ok()) return wal.status();
  log->wal = *std::move(wal);
  if (log->report.epochs.empty() && log->report.start_epoch == Epoch{0}) {
    log->report.start_epoch = log->wal->last_epoch();
  }
  return Status();
}

// The mark first: from then on nothing this disk once held is taken for granted.
Status PutLogAside(const OpenLogOptions& options, const Status& damage, OpenedLog* log) {
  MOM_RETURN_IF_ERROR(MarkDamaged(options.env, options.dir));
  const auto aside = PutAside(options.env, options.dir, "log");
  if (!aside.ok()) return aside.status();
  log->damaged = true;
  log->note = "the log was damaged (" + damage.message() + "); it is kept as " + *aside +
              ", and what it lacks is fetched from the other nodes; until then this node does not vote";
  return Status();
}

// Of the entry before `end`, which the log holds or begins behind.
Epoch EpochBefore(Offset end, const wal::RecoveryReport& report) {
  Epoch epoch = report.start_epoch;
  for (const wal::EpochBegin& e : report.epochs) {
    if (e.begin < end) epoch = e.epoch;
  }
  return epoch;
}

// A log that ends before its view, which only happens to one that was put aside, goes on where the view ends:
// what the view holds was committed.
Status ContinueBehind(const broker::AppliedState& view, OpenedLog* log) {
  const bool reaches = log->wal->log_start() <= view.end && view.end <= log->wal->log_end();
  if (reaches || !log->damaged) return Status();
  MOM_RETURN_IF_ERROR(log->wal->Reset(view.end, view.epoch, view.timestamp));
  log->report.epochs.clear();
  log->report.voters_entries.clear();
  log->report.start_epoch = view.epoch;
  return Status();
}

}  // namespace

Status FinishInstallation(wal::Env* env, const std::string& dir, wal::Wal* wal) {
  auto installation = ReadInstallation(env, dir);
  if (installation.status().code() == Status::kNotFound) return Status();
  if (!installation.ok()) return installation.status();
  Members members{installation->voters, {}};
  if (auto before = ReadFirstMembers(env, dir); before.ok()) members.addresses = before->addresses;
  MOM_RETURN_IF_ERROR(WriteFirstMembers(env, dir, members));
  MOM_RETURN_IF_ERROR(wal->Reset(installation->id.end, installation->id.epoch, installation->timestamp));
  MOM_RETURN_IF_ERROR(WriteViewName(env, dir, installation->view));
  return RemoveInstallation(env, dir);
}

Result<std::string> ViewToOpen(wal::Env* env, const std::string& dir) {
  auto installation = ReadInstallation(env, dir);
  if (installation.ok()) return installation->view;
  if (installation.status().code() != Status::kNotFound) return installation.status();
  return ReadViewName(env, dir);
}

Result<OpenedLog> OpenLog(const OpenLogOptions& options, const broker::AppliedState& view) {
  OpenedLog log;
  auto damaged = IsDamaged(options.env, options.dir);
  if (!damaged.ok()) return damaged.status();
  log.damaged = *damaged;
  Status status = OpenWal(options, &log);
  if (status.code() == Status::kCorruption && options.may_repair) {
    MOM_RETURN_IF_ERROR(PutLogAside(options, status, &log));
    status = OpenWal(options, &log);
  }
  if (!status.ok()) return status;
  const bool installing = ReadInstallation(options.env, options.dir).ok();
  if (installing) {
    MOM_RETURN_IF_ERROR(FinishInstallation(options.env, options.dir, log.wal.get()));
    log.report.epochs.clear();
    log.report.voters_entries.clear();
    log.report.start_epoch = view.epoch;
  }
  // Without its view a log that lost its beginning says nothing.
  if (view.end < log.wal->log_start() && options.may_repair) {
    log.wal.reset();
    MOM_RETURN_IF_ERROR(
        PutLogAside(options, Status(Status::kCorruption, "the view that goes with it is gone"), &log));
    MOM_RETURN_IF_ERROR(OpenWal(options, &log));
  }
  MOM_RETURN_IF_ERROR(ContinueBehind(view, &log));
  if (view.end < log.wal->log_start() || view.end > log.wal->log_end()) {
    return Status(Status::kCorruption,
                  "the view stands at offset " + std::to_string(view.end.value) + " but the log holds " +
                      std::to_string(log.wal->log_start().value) + " to " +
                      std::to_string(log.wal->log_end().value) + "; examine it with mom-replay verify");
  }
  if (const Epoch epoch = EpochBefore(view.end, log.report); view.end > Offset{} && epoch != view.epoch) {
    return Status(Status::kCorruption, "the view's last entry is of epoch " +
                                           std::to_string(view.epoch.value) + ", the log's there of epoch " +
                                           std::to_string(epoch.value) +
                                           ": one of them belongs to another node or time");
  }
  if (options.hard_state.epoch < log.wal->last_epoch()) {
    return Status(Status::kCorruption, "the hard state is older than the log (epoch " +
                                           std::to_string(options.hard_state.epoch.value) + " against " +
                                           std::to_string(log.wal->last_epoch().value) + ")");
  }
  return log;
}

Result<quorum::Restored> RestoreFrom(const OpenLogOptions& options, const OpenedLog& log,
                                     const broker::AppliedState& view,
                                     const std::optional<std::string>& view_voters, uint64_t seed) {
  quorum::Restored restored;
  const wal::HardState& state = options.hard_state;
  restored.hard_state = {state.epoch, {state.voted_for, state.voted_for_disk}, state.leader};
  restored.log_start = log.wal->log_start();
  restored.log_start_epoch = log.report.start_epoch;
  restored.log_end = log.wal->log_end();
  for (const wal::EpochBegin& e : log.report.epochs) restored.epochs.push_back({e.epoch, e.begin});
  // Voters of the view are of its end and not of the log's start; where they differ the log has the newer
  // entries.
  auto first = ReadFirstMembers(options.env, options.dir);
  if (!first.ok() && first.status().code() != Status::kNotFound) return first.status();
  std::optional<quorum::VoterSet> voters;
  if (view_voters) voters = DecodeVoters(*view_voters);
  if (!voters && first.ok()) voters = first->voters;
  restored.voters =
      voters ? *voters : quorum::VoterSet({quorum::ReplicaKey{options.identity.node, options.identity.disk}});
  for (const Entry& entry : log.report.voters_entries) {
    const auto set = DecodeVoters(entry.bytes());
    if (!set) {
      return Status(Status::kCorruption, "the entry at offset " + std::to_string(entry.offset.value) +
                                             " holds no valid voter set");
    }
    restored.voter_entries.push_back({entry.offset, *set});
  }
  restored.committed_end = view.end;
  restored.damaged = log.damaged;
  restored.seed = seed;
  return restored;
}

Result<PeerAddresses> LastAddresses(const OpenLogOptions& options, const OpenedLog& log,
                                    const std::optional<std::string>& view_voters) {
  PeerAddresses last;
  const auto learn = [&last](const std::optional<Members>& members) {
    if (!members) return;
    for (const auto& [node, address] : members->addresses) last[node] = address;
  };
  auto first = ReadFirstMembers(options.env, options.dir);
  if (!first.ok() && first.status().code() != Status::kNotFound) return first.status();
  if (first.ok()) learn(*first);
  if (view_voters) learn(DecodeMembers(*view_voters));
  for (const Entry& entry : log.report.voters_entries) learn(DecodeMembers(entry.bytes()));
  return last;
}

}  // namespace mom::replication
