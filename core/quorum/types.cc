#include "core/quorum/types.h"

#include "core/base/check.h"

namespace mom::quorum {

VoterSet::VoterSet(std::vector<ReplicaKey> keys) {
  MOM_CHECK(IsValid(keys), keys.size());
  std::sort(keys.begin(), keys.end());
  std::copy(keys.begin(), keys.end(), keys_.begin());
  size_ = static_cast<uint8_t>(keys.size());
}

bool VoterSet::IsValid(const std::vector<ReplicaKey>& keys) {
  if (keys.empty() || keys.size() > kVotersMax) return false;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].empty() || keys[i].disk.empty()) return false;
    for (size_t j = 0; j < i; ++j) {
      if (keys[i].node == keys[j].node) return false;
    }
  }
  return true;
}

bool VoterSet::ContainsNode(NodeId node) const {
  return std::any_of(begin(), end(), [&](const ReplicaKey& key) { return key.node == node; });
}

VoterSet VoterSet::With(const ReplicaKey& key) const {
  std::vector<ReplicaKey> keys(begin(), end());
  keys.push_back(key);
  return VoterSet(std::move(keys));
}

VoterSet VoterSet::Without(const ReplicaKey& key) const {
  MOM_CHECK(Contains(key), key);
  std::vector<ReplicaKey> keys(begin(), end());
  std::erase(keys, key);
  return VoterSet(std::move(keys));
}

std::ostream& operator<<(std::ostream& out, Role role) {
  static constexpr const char* kNames[] = {"unattached", "follower", "prospective",
                                           "candidate",  "leader",   "resigned"};
  return out << kNames[static_cast<size_t>(role)];
}

std::ostream& operator<<(std::ostream& out, Refusal refusal) {
  static constexpr const char* kNames[] = {
      "none",          "wrong-cluster", "wrong-node",   "invalid",    "fenced-epoch", "unknown-epoch",
      "not-leader",    "stale-session", "no-snapshot",  "overloaded", "voted",        "log-behind",
      "leader-alive",  "damaged",       "transferring", "not-ready",  "busy",         "no-change",
      "not-caught-up", "timed-out",     "uncertain"};
  return out << kNames[static_cast<size_t>(refusal)];
}

std::ostream& operator<<(std::ostream& out, const ReplicaKey& key) {
  return out << key.node << '/' << key.disk.high << '.' << key.disk.low;
}

std::ostream& operator<<(std::ostream& out, SessionId session) {
  return out << session.value;
}

std::ostream& operator<<(std::ostream& out, const VoterSet& voters) {
  out << '{';
  const char* separator = "";
  for (const ReplicaKey& key : voters) {
    out << separator << key;
    separator = " ";
  }
  return out << '}';
}

}  // namespace mom::quorum
