#include "replication/replica/restore.h"

#include <string>

#include "core/broker/broker.h"
#include "replication/replica/voters_codec.h"

namespace mom::replication {

quorum::Identity IdentityOf(const DataDir& data) {
  return quorum::Identity{data.identity.cluster, data.identity.node, data.identity.disk};
}

Result<quorum::Restored> RestoreFrom(const DataDir& data, uint64_t seed) {
  quorum::Restored restored;
  const wal::HardState& state = data.hard_state;
  restored.hard_state = {state.epoch, {state.voted_for, state.voted_for_disk}, state.leader};
  if (state.voted_for == NodeId{}) restored.hard_state.voted_for = quorum::ReplicaKey{};
  restored.log_start = data.wal->log_start();
  restored.log_start_epoch = data.report.start_epoch;
  restored.log_end = data.wal->log_end();
  for (const wal::EpochBegin& e : data.report.epochs) restored.epochs.push_back({e.epoch, e.begin});
  restored.voters = quorum::VoterSet({quorum::ReplicaKey{data.identity.node, data.identity.disk}});
  for (const Entry& entry : data.report.voters_entries) {
    const auto voters = DecodeVoters(entry.bytes());
    if (!voters) {
      return Status(Status::kCorruption, "the entry at offset " + std::to_string(entry.offset.value) +
                                             " holds no valid voter set");
    }
    restored.voter_entries.push_back({entry.offset, *voters});
  }
  restored.committed_end = broker::ReadAppliedState(*data.view->Latest()).end;
  restored.seed = seed;
  return restored;
}

}  // namespace mom::replication
