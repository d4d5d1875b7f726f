#include "replication/replica/voters_codec.h"

#include <utility>
#include <vector>

#include "mom/v1/voters.pb.h"

namespace mom::replication {

std::string EncodeVoters(const quorum::VoterSet& voters, const PeerAddresses& addresses) {
  v1::Voters message;
  for (const quorum::ReplicaKey& key : voters) {
    v1::Voter* voter = message.add_voters();
    voter->set_node(key.node.value);
    voter->set_disk_high(key.disk.high);
    voter->set_disk_low(key.disk.low);
    if (const auto known = addresses.find(key.node); known != addresses.end())
      voter->set_address(known->second);
  }
  return message.SerializeAsString();
}

std::optional<Members> DecodeMembers(std::string_view bytes) {
  v1::Voters message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  std::vector<quorum::ReplicaKey> keys;
  Members members;
  for (const v1::Voter& voter : message.voters()) {
    keys.push_back({NodeId{voter.node()}, Uuid{voter.disk_high(), voter.disk_low()}});
    if (!IsAddressText(voter.address())) return std::nullopt;
    if (!voter.address().empty()) members.addresses[NodeId{voter.node()}] = voter.address();
  }
  if (!quorum::VoterSet::IsValid(keys)) return std::nullopt;
  members.voters = quorum::VoterSet(std::move(keys));
  return members;
}

std::optional<quorum::VoterSet> DecodeVoters(std::string_view bytes) {
  const auto members = DecodeMembers(bytes);
  if (!members) return std::nullopt;
  return members->voters;
}

}  // namespace mom::replication
