// Clients and administrators: what they ask for, mostly of the leader, sometimes of somebody else.
#include "tests/sim/cluster.h"
#include "tests/sim/violation.h"

namespace mom::sim {

void Cluster::Submit() {
  if (healed) return;
  scheduler_.In(random_.Between(1, plan_.submit_gap_ns * 2), Event{.what = What::kSubmit});
  Node* node = FindLeader();
  if (node == nullptr || random_.Below(8) == 0) node = nodes_[random_.Below(nodes_.size())].get();
  if (!node->is_up() || node->paused_until > scheduler_.now()) return;
  if (random_.Chance(plan_.reads)) {
    if (Node* deposed = FindDeposedLeader(); deposed != nullptr && next_read_ % 2 == 0) node = deposed;
    node->reads.push_back(PendingRead{++next_read_, oracle_.acknowledged_end()});
    return Step(node, quorum::ReadRequested{next_read_});
  }
  if (node->full_until > scheduler_.now()) return;  // Refused with 507 before it gets here.
  Propose(node, 1 + static_cast<uint32_t>(random_.Below(plan_.commands_max)));
}

// One that does not know yet that another one leads, if there is one that can be asked: reads that it must
// not answer are rare otherwise.
Node* Cluster::FindDeposedLeader() {
  const Node* const leader = FindLeader();
  for (const auto& node : nodes_) {
    if (leader == nullptr || !node->is_up() || node->paused_until > scheduler_.now()) continue;
    if (node->core->role() == quorum::Role::kLeader && node->core->epoch() < leader->core->epoch())
      return node.get();
  }
  return nullptr;
}

void Cluster::Propose(Node* node, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) node->waiting.push_back(oracle_.NewId());
  Step(node, quorum::Proposed{count});
  SIM_CHECK(!node->is_up() || node->waiting.empty(), "G8: a proposal without a verdict", node->id());
}

void Cluster::ChangeVoters(Node* node, bool add, const quorum::ReplicaKey& key) {
  node->admin.push_back(PendingAdmin{++next_admin_, true, std::nullopt});
  Step(node, quorum::ChangeVoters{next_admin_, add, key});
}

void Cluster::TransferLeadership(Node* node, NodeId target) {
  node->admin.push_back(PendingAdmin{++next_admin_, false, std::nullopt});
  Step(node, quorum::TransferLeadership{next_admin_, target});
}

}  // namespace mom::sim
