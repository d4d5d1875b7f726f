#include "tests/sim/full/full_nemesis.h"

#include <algorithm>

namespace mom::sim {

FullNemesis::FullNemesis(FullWorld* world) : world_(world), random_(world->random()) {
  const FullPlan& plan = world->plan();
  choices_ = {{plan.crash, &FullNemesis::Crash},
              {plan.crash_all, &FullNemesis::CrashAll},
              {plan.stop_at_call, &FullNemesis::StopAtCall},
              {plan.fail_call, &FullNemesis::FailCall},
              {plan.full_disk, &FullNemesis::FillDisk},
              {plan.pause, &FullNemesis::Pause},
              {plan.partition, &FullNemesis::Partition},
              {plan.clock_jump, &FullNemesis::JumpClock},
              {plan.damage, &FullNemesis::Damage},
              {plan.replace_disk, &FullNemesis::ReplaceDisk},
              {plan.membership, &FullNemesis::ChangeVoters},
              {plan.transfer, &FullNemesis::Transfer},
              {plan.checkpoint, &FullNemesis::Checkpoint},
              {plan.slow_disk, &FullNemesis::SlowDisk}};
  for (const Choice& choice : choices_) weights_ += choice.weight;
}

void FullNemesis::PlanNext() {
  if (weights_ == 0) return;
  world_->In(random_->Between(1, 2 * world_->plan().fault_gap_ns), [this] {
    if (healed_) return;
    uint64_t at = random_->Below(weights_);
    for (const Choice& choice : choices_) {
      if (at < choice.weight) {
        (this->*choice.fault)();
        break;
      }
      at -= choice.weight;
    }
    PlanNext();
  });
}

FullNode* FullNemesis::Any() {
  if (random_->Coin()) {
    if (FullNode* leader = world_->FindLeader()) return leader;
  }
  return world_->nodes()[random_->Below(world_->nodes().size())].get();
}

FullNode* FullNemesis::AnyUp() {
  FullNode* node = Any();
  return node->is_up() ? node : nullptr;
}

int64_t FullNemesis::Timeouts(int64_t max) {
  return random_->Between(1, max * world_->plan().options.fetch_timeout_ns());
}

void FullNemesis::StartLater(FullNode* node, int64_t ns) {
  world_->In(ns, [node] { node->Start(); });
}

void FullNemesis::CrashNode(FullNode* node) {
  constexpr FullCrash kHow[] = {FullCrash::kProcess, FullCrash::kPowerLost, FullCrash::kPowerTorn};
  node->Crash(kHow[random_->Below(3)]);
  StartLater(node, Timeouts(4));
}

void FullNemesis::Crash() {
  if (FullNode* node = AnyUp()) CrashNode(node);
}

void FullNemesis::CrashAll() {
  for (const auto& node : world_->nodes()) {
    if (node->is_up()) CrashNode(node.get());
  }
}

// The machine stops in the middle of a call.
void FullNemesis::StopAtCall() {
  FullNode* node = AnyUp();
  if (node == nullptr || node->is_paused()) return;
  ++world_->coverage()->stopped_calls;
  node->env()->StopAtCall(1 + random_->Below(30));
  world_->In(Timeouts(2), [this, node, life = node->life()] {
    if (node->life() == life) node->Crash(random_->Coin() ? FullCrash::kPowerLost : FullCrash::kPowerTorn);
    StartLater(node, Timeouts(3));
  });
}

void FullNemesis::FailCall() {
  FullNode* node = AnyUp();
  if (node == nullptr) return;
  ++world_->coverage()->failed_calls;
  node->env()->FailCall(1 + random_->Below(30), Status(Status::kIoError, "simulated"));
  StartLater(node, Timeouts(4));
  StartLater(node, Timeouts(8));
}

void FullNemesis::FillDisk() {
  FullNode* node = AnyUp();
  if (node == nullptr || node->is_full()) return;
  ++world_->coverage()->full_disks;
  node->SetFull(true);
  world_->In(Timeouts(6), [this, node] {
    node->SetFull(false);
    StartLater(node, Timeouts(2));
  });
}

void FullNemesis::Pause() {
  FullNode* node = AnyUp();
  if (node == nullptr) return;
  ++world_->coverage()->pauses;
  node->Pause(Timeouts(6));
}

void FullNemesis::Partition() {
  ++world_->coverage()->partitions;
  auto* cuts = world_->cuts();
  cuts->clear();
  const bool one_way = random_->Coin();
  std::vector<bool> side;
  for (size_t i = 0; i < world_->nodes().size(); ++i) side.push_back(random_->Coin());
  for (const auto& a : world_->nodes()) {
    for (const auto& b : world_->nodes()) {
      if (side[a->id().value - 1] == side[b->id().value - 1]) continue;
      if (!one_way || side[a->id().value - 1]) cuts->insert({a->id(), b->id()});
    }
  }
  world_->In(Timeouts(10), [this, mine = ++partition_] {
    if (mine == partition_) world_->cuts()->clear();
  });
}

void FullNemesis::JumpClock() {
  ++world_->coverage()->clock_jumps;
  Any()->JumpWall(random_->Between(-600'000, 600'000));
}

bool FullNemesis::IsWhole() {
  const quorum::VoterSet* newest = nullptr;
  Epoch epoch;
  for (const auto& node : world_->nodes()) {
    if (!node->is_up() || node->IsDamaged()) return false;
    if (newest == nullptr || node->quorum().epoch() >= epoch) {
      epoch = node->quorum().epoch();
      newest = &node->quorum().voters();
    }
  }
  for (const auto& node : world_->nodes()) {
    if (!(node->quorum().voters() == *newest)) return false;
  }
  for (const quorum::ReplicaKey& key : *newest) {
    const FullNode* node = world_->Find(key.node);
    if (node == nullptr || node->key() != key) return false;
  }
  return newest->size() >= 3;
}

void FullNemesis::Damage() {
  if (!IsWhole()) return;
  FullNode* node = Any();
  node->Crash(random_->Coin() ? FullCrash::kProcess : FullCrash::kPowerLost);
  if (node->DamageLog()) ++world_->coverage()->damages;
  StartLater(node, Timeouts(2));
}

void FullNemesis::ReplaceDisk() {
  if (!IsWhole()) return;
  FullNode* node = Any();
  ++world_->coverage()->disks_lost;
  node->Crash(FullCrash::kPowerLost);
  node->ReplaceDisk(Uuid{node->id().value, ++next_disk_});
  StartLater(node, Timeouts(2));
}

// What an administrator would do: lost disks out, whole nodes in; else somebody in or out.
void FullNemesis::ChangeVoters() {
  FullNode* leader = world_->FindLeader();
  if (leader == nullptr) return;
  const quorum::VoterSet voters = leader->quorum().voters();
  std::optional<std::pair<bool, quorum::ReplicaKey>> change;
  for (const quorum::ReplicaKey& key : voters) {
    const FullNode* node = world_->Find(key.node);
    if (node == nullptr || node->key() != key) change = {false, key};
  }
  for (const auto& node : world_->nodes()) {
    if (!change && !voters.ContainsNode(node->id())) change = {true, node->key()};
  }
  if (!change || (!healed_ && random_->Below(4) == 0)) {
    const FullNode* node = world_->nodes()[random_->Below(world_->nodes().size())].get();
    const bool member = voters.Contains(node->key());
    if (!healed_ && member && voters.size() > 3 && IsWhole()) change = {false, node->key()};
  }
  if (!change) return;
  leader->Do([this, change](replication::ReplicaDriver* driver) {
    driver->ChangeVoters(change->first, change->second, "", [this](quorum::Refusal refusal) {
      if (refusal == quorum::Refusal::kNone) ++world_->coverage()->voter_changes;
    });
  });
}

void FullNemesis::Transfer() {
  FullNode* leader = world_->FindLeader();
  if (leader == nullptr) return;
  const NodeId target = random_->Coin() ? NodeId{} : Any()->id();
  leader->Do([this, target](replication::ReplicaDriver* driver) {
    driver->TransferLeadership(target, [this](quorum::Refusal refusal) {
      if (refusal == quorum::Refusal::kNone) ++world_->coverage()->transfers;
    });
  });
}

void FullNemesis::Checkpoint() {
  const bool everywhere = random_->Coin();  // Who is away then needs a snapshot.
  FullNode* chosen = Any();
  for (const auto& node : world_->nodes()) {
    if (!node->is_up() || node->is_paused() || (!everywhere && node.get() != chosen)) continue;
    node->Checkpoint(everywhere || random_->Coin());
  }
}

void FullNemesis::SlowDisk() {
  FullNode* node = Any();
  node->set_sync_factor(random_->Between(2, 60));
  world_->In(Timeouts(6), [node] { node->set_sync_factor(1); });
}

void FullNemesis::Heal() {
  healed_ = true;
  world_->Heal();
  ++partition_;
  const int64_t timeout = world_->plan().options.fetch_timeout_ns();
  for (const auto& node : world_->nodes()) {
    node->SetFull(false);
    node->set_sync_factor(1);
    node->env()->FailCall(UINT64_MAX / 2, Status(Status::kIoError, "never"));
    for (int i = 0; i < 4; ++i) StartLater(node.get(), i * 4 * timeout);
  }
  for (int i = 1; i <= 30; ++i) world_->In(i * 2 * timeout, [this] { ChangeVoters(); });
}

}  // namespace mom::sim
