#include "tests/sim/nemesis.h"

#include <algorithm>

namespace mom::sim {
namespace {

enum Ends : uint64_t { kPartitionEnds, kRateEnds };

}  // namespace

Nemesis::Nemesis(Cluster* cluster) : cluster_(cluster), random_(cluster->random()) {
  const Plan& plan = *cluster->plan();
  choices_ = {{{plan.partition, &Nemesis::Partition},
               {plan.clog, &Nemesis::ClogLink},
               {plan.break_streams, &Nemesis::BreakStreams},
               {plan.crash, &Nemesis::Crash},
               {plan.crash_all, &Nemesis::CrashAll},
               {plan.slow_disk, &Nemesis::SlowDisk},
               {plan.full_disk, &Nemesis::FullDisk},
               {plan.pause, &Nemesis::Pause},
               {plan.clock_jump, &Nemesis::JumpClock},
               {plan.clock_rate, &Nemesis::ChangeRate},
               {plan.replace_disk, &Nemesis::ReplaceDisk},
               {plan.damage, &Nemesis::DamageLog},
               {plan.membership, &Nemesis::ChangeMembers},
               {plan.transfer, &Nemesis::Transfer},
               {plan.snapshot, &Nemesis::MakeSnapshot},
               {plan.drop_prefix, &Nemesis::DropPrefix},
               {plan.lie, &Nemesis::Lie}}};
  for (const Choice& choice : choices_) weights_ += choice.weight;
  PlanNext();
}

void Nemesis::PlanNext() {
  const int64_t gap = cluster_->plan()->fault_gap_ns;
  cluster_->scheduler()->In(random_->Between(1, gap * 2), Event{.what = What::kFault});
}

void Nemesis::On(const Event& event) {
  if (cluster_->healed) return;
  if (event.what == What::kFaultEnds) {
    if (event.a == kPartitionEnds && event.b == static_cast<uint32_t>(partition_)) {
      cluster_->network()->Heal();
      if (cluster_->trace()->is_text()) cluster_->Say("fault: the partition ends");
    } else if (event.a == kRateEnds) {
      Node* node = cluster_->nodes()[event.node].get();
      node->clock.SetRate(cluster_->scheduler()->now(), 1024);
      cluster_->RearmWake(node);
    }
    return;
  }
  PlanNext();
  if (weights_ == 0) return;
  uint64_t ticket = random_->Below(weights_);
  for (const Choice& choice : choices_) {
    if (ticket < choice.weight) return (this->*choice.fault)();
    ticket -= choice.weight;
  }
}

Node* Nemesis::AnyNode() {
  return cluster_->nodes()[random_->Below(cluster_->nodes().size())].get();
}

// Null when it is down: then nothing happens.
Node* Nemesis::AnyUp() {
  Node* node = AnyNode();
  return node->is_up() ? node : nullptr;
}

// Faults of leaders tell most.
Node* Nemesis::LeaderOrAny() {
  Node* leader = random_->Coin() ? cluster_->FindLeader() : nullptr;
  return leader != nullptr ? leader : AnyUp();
}

int64_t Nemesis::Duration(int64_t timeouts_max) {
  const int64_t timeout = cluster_->plan()->options.fetch_timeout_ns();
  return random_->Between(timeout / 10, timeout * timeouts_max);
}

void Nemesis::Crash() {
  Node* node = LeaderOrAny();
  if (node == nullptr) return;
  if (cluster_->trace()->is_text()) cluster_->Say("fault: crash of " + std::to_string(node->index + 1));
  cluster_->Stop(node, random_->Coin());
}

// The power of the whole cluster fails.
void Nemesis::CrashAll() {
  if (cluster_->trace()->is_text()) cluster_->Say("fault: crash of all");
  for (auto& node : cluster_->nodes()) {
    if (node->is_up()) cluster_->Stop(node.get(), false);
  }
}

void Nemesis::SlowDisk() {
  Node* node = LeaderOrAny();
  if (node != nullptr) node->slow_until = cluster_->scheduler()->now() + Duration(6);
}

void Nemesis::FullDisk() {
  Node* node = LeaderOrAny();
  if (node != nullptr) node->full_until = cluster_->scheduler()->now() + Duration(4);
}

void Nemesis::Pause() {
  Node* node = LeaderOrAny();
  if (node == nullptr) return;
  ++cluster_->coverage()->pauses;
  node->paused_until = cluster_->scheduler()->now() + Duration(4);
  if (cluster_->trace()->is_text()) cluster_->Say("fault: pause of " + std::to_string(node->index + 1));
}

// Forwards as after a suspended machine; backwards it stands still, as time never falls.
void Nemesis::JumpClock() {
  Node* node = LeaderOrAny();
  if (node == nullptr) return;
  ++cluster_->coverage()->clock_jumps;
  const int64_t by = random_->Below(4) == 0 ? -Duration(2) : Duration(20);
  node->clock.Jump(cluster_->scheduler()->now(), by);
  cluster_->RearmWake(node);
}

void Nemesis::ChangeRate() {
  Node* node = AnyUp();
  if (node == nullptr) return;
  node->clock.SetRate(cluster_->scheduler()->now(), random_->Between(512, 2048));
  cluster_->RearmWake(node);
  cluster_->scheduler()->In(Duration(10),
                            Event{.a = kRateEnds, .what = What::kFaultEnds, .node = node->index});
}

bool Nemesis::IsHealthy(const quorum::ReplicaKey& voter, const Node* lost) const {
  for (const auto& node : cluster_->nodes()) {
    if (node->key() == voter) return node.get() != lost && !node->disk->damaged;
  }
  return false;
}

bool Nemesis::WouldWork(const quorum::VoterSet& voters, const Node* lost) const {
  size_t healthy = 0;
  for (const quorum::ReplicaKey& voter : voters) healthy += IsHealthy(voter, lost) ? 1 : 0;
  return healthy >= voters.size() / 2 + 1;
}

// Damage of a minority is promised to be harmless; of a majority nothing is, but that nobody is lied to. So
// it stays a minority of every set that may be in force: else the end of a run could not ask for progress.
bool Nemesis::MayLose(const Node& node) const {
  const Offset committed = cluster_->oracle()->committed_end();
  for (const auto& other : cluster_->nodes()) {
    const Disk& disk = *other->disk;
    const auto newest = disk.NewestVoters();
    if (newest && *newest >= committed) return false;
    if (!WouldWork(cluster_->voters(disk.VotersInForce()), &node)) return false;
  }
  return true;
}

void Nemesis::ReplaceDisk() {
  Node* node = AnyUp();
  if (node == nullptr || !MayLose(*node)) return;
  if (cluster_->trace()->is_text()) cluster_->Say("fault: new disk for " + std::to_string(node->index + 1));
  cluster_->Stop(node, random_->Coin());
  cluster_->ReplaceDisk(node);
}

void Nemesis::DamageLog() {
  Node* node = AnyUp();
  if (node == nullptr || !MayLose(*node)) return;
  cluster_->Stop(node, random_->Coin());
  Disk& disk = *node->disk;
  const uint64_t length = (disk.end() - disk.start()).value;
  if (length == 0) return;
  const uint64_t lost = 1 + random_->Below(random_->Coin() ? length : std::min<uint64_t>(length, 8));
  disk.Damage(Offset{disk.end().value - lost}, cluster_->oracle()->committed_end());
  ++cluster_->coverage()->damages;
  if (cluster_->trace()->is_text()) cluster_->Say("fault: damaged log of " + std::to_string(node->index + 1));
}

// Sometimes twice at once: the second has to wait for the first.
void Nemesis::ChangeMembers() {
  ChangeOneMember();
  if (random_->Below(3) == 0) ChangeOneMember();
}

void Nemesis::ChangeOneMember() {
  Node* leader = cluster_->FindLeader();
  if (random_->Below(8) == 0) leader = AnyUp();
  if (leader == nullptr) return;
  const quorum::VoterSet voters = cluster_->voters(leader->disk->VotersInForce());
  for (const quorum::ReplicaKey& voter : voters) {
    const bool gone = std::none_of(cluster_->nodes().begin(), cluster_->nodes().end(),
                                   [&](const auto& node) { return node->key() == voter; });
    if (!gone || voters.size() == 1) continue;
    if (WouldWork(voters.Without(voter), nullptr)) cluster_->ChangeVoters(leader, false, voter);
    return;
  }
  Node* node = AnyNode();
  if (voters.Contains(node->key())) {
    if (voters.size() < 2 || !WouldWork(voters.Without(node->key()), nullptr)) return;
    if (voters.size() > 3 || random_->Below(3) == 0) cluster_->ChangeVoters(leader, false, node->key());
  } else if (!voters.ContainsNode(node->id()) && voters.size() < 7) {
    if (WouldWork(voters.With(node->key()), nullptr)) cluster_->ChangeVoters(leader, true, node->key());
  } else if (random_->Below(4) == 0) {
    cluster_->AddObserver();
  }
}

void Nemesis::Transfer() {
  Node* leader = cluster_->FindLeader();
  if (leader == nullptr) return;
  if (random_->Below(4) == 0) return cluster_->Step(leader, quorum::ResignAsked{});
  cluster_->TransferLeadership(leader, random_->Coin() ? NodeId{} : AnyNode()->id());
}

void Nemesis::MakeSnapshot() {
  Node* node = LeaderOrAny();
  if (node != nullptr) cluster_->OfferSnapshot(node);
}

void Nemesis::DropPrefix() {
  Node* node = LeaderOrAny();
  if (node == nullptr || node->applied <= node->disk->start()) return;
  const uint64_t room = (node->applied - node->disk->start()).value;
  const uint64_t dropped = random_->Coin() ? room : 1 + random_->Below(room);
  cluster_->DropPrefix(node, node->disk->start() + Count{dropped});
}

void Nemesis::Heal() {
  cluster_->healed = true;
  cluster_->network()->Heal();
  Plan& plan = *cluster_->plan();
  plan.loss = plan.duplicate = plan.reorder = plan.fail_sync = plan.aimed_crash = 0;
  for (auto& node : cluster_->nodes()) {
    node->slow_until = node->full_until = node->paused_until = 0;
    node->clock.SetRate(cluster_->scheduler()->now(), 1024);
    if (!node->is_up()) cluster_->Start(node.get());
    cluster_->RearmWake(node.get());
  }
  // A majority has to do: one that the others can do without stays away, best their leader.
  Node* victim = LeaderOrAny();
  if (random_->Coin() || victim == nullptr || !MayLose(*victim)) return;
  victim->kept_down = true;
  cluster_->Stop(victim, random_->Coin());
}

}  // namespace mom::sim
