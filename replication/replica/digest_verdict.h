// DigestVerdict: who is right when nodes that applied the same entries hold different states.
//
// Pure functions of what nodes said. The rule, also in docs/operations.md: of the offsets at which the
// digests of any two nodes differ the one counts at which most nodes have a digest, the newest of several.
// There the largest group of equal digests is right and everybody else has diverged. Are two groups the
// largest, the one with the leader is right: entries were answered from its state. Is the leader in neither,
// nobody can say.
#pragma once

#include <set>
#include <utility>
#include <vector>

#include "replication/replica/node_status.h"

namespace mom::replication {

struct DigestOpinion {
  NodeId node;
  std::vector<DigestMark> marks;  // Ascending by end, none twice.
};

struct DigestVerdict {
  bool differs = false;       // Two nodes have different digests at one offset.
  Offset end;                 // The offset that counted.
  std::set<NodeId> diverged;  // Empty though `differs`: nobody can say who.
};

// `leader` 0: not known.
DigestVerdict Judge(const std::vector<DigestOpinion>& opinions, NodeId leader);

// Whether any other node has a mark where `node` has one.
bool IsCompared(const std::vector<DigestOpinion>& opinions, NodeId node);

// Those of both at the same end, ascending.
std::vector<std::pair<DigestMark, DigestMark>> CommonMarks(const std::vector<DigestMark>& a,
                                                           const std::vector<DigestMark>& b);

}  // namespace mom::replication
