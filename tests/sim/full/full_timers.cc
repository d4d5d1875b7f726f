#include "tests/sim/full/full_timers.h"

#include "core/broker/broker.h"
#include "core/broker/keys.h"
#include "core/broker/operations.h"
#include "tests/sim/violation.h"

namespace mom::sim {
namespace {

// A leader looks at its wall clock once a second, and hands leadership over for less than a few timeouts.
constexpr int64_t kLookAgainNs = 1'100'000'000;
constexpr int64_t kTimeouts = 4;
constexpr int64_t kSoonMs = 3'600'000;

std::optional<std::string> FirstTimerOf(const broker::ViewReader& view) {
  const auto it = view.NewIterator();
  it->Seek(broker::FirstTimer(view));
  if (!it->Valid() || it->key().front() != broker::keys::kTimer) return std::nullopt;
  return std::string(it->key());
}

}  // namespace

FullTimers::FullTimers(FullWorld* world)
    : world_(world), patience_ns_(kLookAgainNs + kTimeouts * world->plan().options.fetch_timeout_ns()) {}

void FullTimers::Start() {
  for (const auto& node : world_->nodes()) Look(*node);
  world_->In(patience_ns_ / 8, [this] { Start(); });
}

bool FullTimers::none_soon() const {
  const FullNode* leader = world_->FindLeader();
  if (leader == nullptr) return false;
  const auto due = broker::NextDue(leader->view());
  return !due || due->ms > leader->LogTime().ms + kSoonMs;
}

// An entry does what is due first. So once everything is applied that a log held when a timer had been due
// for long, there was no entry for it: the leader has forgotten it. A leader that cannot commit has tried.
void FullTimers::Look(const FullNode& node) {
  const bool leads = node.is_up() && !node.is_paused() && node.quorum().role() == quorum::Role::kLeader;
  const auto due_at = leads ? broker::NextDue(node.view()) : std::nullopt;
  if (!due_at || *due_at > node.LogTime()) {
    due_.erase(node.id().value);
    return;
  }
  Due& due = due_[node.id().value];
  const std::string timer = FirstTimerOf(node.view()).value();
  if (due.life != node.life() || due.epoch != node.quorum().epoch() || due.timer != timer) {
    due = {node.life(), node.quorum().epoch(), timer, world_->now(), {}};
  }
  if (!due.until && world_->now() - due.since > patience_ns_) due.until = node.log_end();
  SIM_CHECK(!due.until || node.applied_end() < *due.until, "T1: something stays due at a leader", node.id(),
            *due_at, node.LogTime());
}

}  // namespace mom::sim
