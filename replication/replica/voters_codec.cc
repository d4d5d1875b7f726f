#include "replication/replica/voters_codec.h"

#include <vector>

#include "mom/v1/voters.pb.h"

namespace mom::replication {

std::string EncodeVoters(const quorum::VoterSet& voters) {
  v1::Voters message;
  for (const quorum::ReplicaKey& key : voters) {
    v1::Voter* voter = message.add_voters();
    voter->set_node(key.node.value);
    voter->set_disk_high(key.disk.high);
    voter->set_disk_low(key.disk.low);
  }
  return message.SerializeAsString();
}

std::optional<quorum::VoterSet> DecodeVoters(std::string_view bytes) {
  v1::Voters message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  std::vector<quorum::ReplicaKey> keys;
  for (const v1::Voter& voter : message.voters()) {
    keys.push_back({NodeId{voter.node()}, Uuid{voter.disk_high(), voter.disk_low()}});
  }
  if (!quorum::VoterSet::IsValid(keys)) return std::nullopt;
  return quorum::VoterSet(std::move(keys));
}

}  // namespace mom::replication
