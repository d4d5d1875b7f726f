#include "replication/replica/founding.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "replication/replica/voters_codec.h"

namespace mom::replication {
namespace {

Uuid ClusterOf(const quorum::VoterSet& founders) {
  const std::string bytes = EncodeVoters(founders);
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return Uuid{hash.high64 | 1, hash.low64};  // Never empty.
}

}  // namespace

Founding::Founding(Greeting self, std::set<NodeId> nodes)
    : self_(std::move(self)), nodes_(std::move(nodes)) {}

Greeting Founding::self() const {
  std::lock_guard lock(mutex_);
  return self_;
}

void Founding::SetSelf(Greeting self) {
  std::lock_guard lock(mutex_);
  self_ = std::move(self);
}

void Founding::OnGreeting(const Greeting& from) {
  std::lock_guard lock(mutex_);
  if (nodes_.contains(from.node) && from.node != self_.node && !from.disk.empty()) heard_[from.node] = from;
}

Result<std::optional<Founding::Agreed>> Founding::Outcome() const {
  std::lock_guard lock(mutex_);
  const quorum::ReplicaKey mine{self_.node, self_.disk};
  std::vector<quorum::ReplicaKey> keys = {mine};
  for (const auto& [node, greeting] : heard_) {
    if (greeting.cluster.empty()) {
      if (greeting.peers == self_.peers) keys.push_back({node, greeting.disk});
      continue;
    }
    const bool is_valid = quorum::VoterSet::IsValid(greeting.founders);
    const quorum::VoterSet founders = is_valid ? quorum::VoterSet(greeting.founders) : quorum::VoterSet();
    if (founders.Contains(mine)) return std::optional<Agreed>(Agreed{greeting.cluster, founders});
    return Status(Status::kWrongOwner,
                  "node " + std::to_string(node.value) +
                      " belongs to a cluster that was founded without this data "
                      "folder; if this node lost its disk, remove it from the cluster and let it join again");
  }
  if (keys.size() < nodes_.size() || !quorum::VoterSet::IsValid(keys)) return std::optional<Agreed>();
  const quorum::VoterSet founders(keys);
  return std::optional<Agreed>(Agreed{ClusterOf(founders), founders});
}

std::string Founding::Missing() const {
  std::lock_guard lock(mutex_);
  std::string text;
  for (NodeId node : nodes_) {
    if (node == self_.node) continue;
    const auto heard = heard_.find(node);
    if (heard == heard_.end()) text += " node " + std::to_string(node.value) + " has not answered;";
    if (heard != heard_.end() && heard->second.peers != self_.peers) {
      text += " node " + std::to_string(node.value) + " has other --peers (" + heard->second.peers +
              ", here " + self_.peers + ");";
    }
  }
  return text;
}

}  // namespace mom::replication
