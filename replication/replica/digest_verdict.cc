#include "replication/replica/digest_verdict.h"

#include <algorithm>
#include <map>
#include <optional>

namespace mom::replication {
namespace {

using Groups = std::map<uint64_t, std::set<NodeId>>;  // By digest.

size_t NodesIn(const Groups& groups) {
  size_t nodes = 0;
  for (const auto& [digest, members] : groups) nodes += members.size();
  return nodes;
}

// The digest that is right; nothing when nobody can say.
std::optional<uint64_t> RightOne(const Groups& groups, NodeId leader) {
  size_t largest = 0;
  for (const auto& [digest, members] : groups) largest = std::max(largest, members.size());
  std::optional<uint64_t> only, leaders;
  size_t count = 0;
  for (const auto& [digest, members] : groups) {
    if (members.size() < largest) continue;
    ++count;
    only = digest;
    if (members.contains(leader)) leaders = digest;
  }
  return count == 1 ? only : leaders;
}

}  // namespace

DigestVerdict Judge(const std::vector<DigestOpinion>& opinions, NodeId leader) {
  std::map<Offset, Groups> ends;
  for (const DigestOpinion& opinion : opinions) {
    for (const DigestMark& mark : opinion.marks) ends[mark.end][mark.digest].insert(opinion.node);
  }
  DigestVerdict verdict;
  size_t most = 0;
  for (const auto& [end, groups] : ends) {
    const size_t nodes = NodesIn(groups);
    if (groups.size() == 1 || nodes < most) continue;
    most = nodes;
    verdict.differs = true;
    verdict.end = end;
  }
  if (!verdict.differs) return verdict;
  const Groups& groups = ends[verdict.end];
  const std::optional<uint64_t> right = RightOne(groups, leader);
  for (const auto& [digest, members] : groups) {
    if (right && digest != *right) verdict.diverged.insert(members.begin(), members.end());
  }
  return verdict;
}

bool IsCompared(const std::vector<DigestOpinion>& opinions, NodeId node) {
  for (const DigestOpinion& one : opinions) {
    if (one.node != node) continue;
    for (const DigestOpinion& other : opinions) {
      if (other.node != node && !CommonMarks(one.marks, other.marks).empty()) return true;
    }
  }
  return false;
}

std::vector<std::pair<DigestMark, DigestMark>> CommonMarks(const std::vector<DigestMark>& a,
                                                           const std::vector<DigestMark>& b) {
  std::vector<std::pair<DigestMark, DigestMark>> common;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i].end == b[j].end) {
      common.emplace_back(a[i++], b[j++]);
    } else if (a[i].end < b[j].end) {
      ++i;
    } else {
      ++j;
    }
  }
  return common;
}

}  // namespace mom::replication
