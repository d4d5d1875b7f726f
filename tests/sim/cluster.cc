#include "tests/sim/cluster.h"

#include <algorithm>

#include "tests/sim/violation.h"

namespace mom::sim {
namespace {

constexpr Uuid kCluster{7, 7};

}  // namespace

Cluster::Cluster(const Plan& plan, uint64_t seed, Trace* trace)
    : plan_(plan),
      random_(seed),
      trace_(trace),
      network_(&plan_, &random_, &scheduler_, &packets_,
               Network::Host{[this](uint8_t node) { return nodes_[node]->is_up() ? nodes_[node]->life : 0; },
                             [this](uint8_t to, uint32_t packet) { Deliver(to, packet); },
                             [this](uint8_t node, NodeId peer, quorum::SessionId session) {
                               OnStreamEnded(node, peer, session);
                             }}),
      oracle_(&voters_,
              [this](const quorum::ReplicaKey& key) -> const Disk* {
                for (const auto& node : nodes_) {
                  if (node->key() == key) return node->disk.get();
                }
                for (const auto& [retired, disk] : retired_) {
                  if (retired == key) return disk.get();
                }
                return nullptr;
              }),
      cluster_{kCluster, NodeId{}, Uuid{}},
      seed_(seed) {
  const uint16_t voters = InitialVoters();
  for (uint8_t i = 0; i < plan_.voters; ++i) {
    nodes_.push_back(std::make_unique<Node>(i, Uuid{1, i + 1u}, voters));
  }
  disks_ = plan_.voters;
  for (uint32_t i = 0; i < plan_.observers; ++i) AddObserver();
  for (auto& node : nodes_) {
    if (!node->is_up()) Start(node.get());
  }
  scheduler_.In(plan_.submit_gap_ns, Event{.what = What::kSubmit});
}

uint16_t Cluster::InitialVoters() {
  std::vector<quorum::ReplicaKey> keys;
  for (uint32_t i = 1; i <= plan_.voters; ++i) keys.push_back({NodeId{i}, Uuid{1, i}});
  return voters_.IndexOf(quorum::VoterSet(keys));
}

void Cluster::AddObserver() {
  if (nodes_.size() >= kNodesMax) return;
  const auto index = static_cast<uint8_t>(nodes_.size());
  nodes_.push_back(std::make_unique<Node>(index, NewDisk(), InitialVoters()));
  Start(nodes_.back().get());
}

// The old disk stays known as a voter that never answers again.
void Cluster::ReplaceDisk(Node* node) {
  SIM_ASSERT(!node->is_up());
  retired_.emplace_back(node->key(), std::move(node->disk));
  node->disk = std::make_unique<Disk>(NewDisk(), InitialVoters());
  ++coverage_.disks_lost;
}

void Cluster::Start(Node* node) {
  SIM_ASSERT(!node->is_up());
  node->life = static_cast<uint32_t>(++next_life_);
  ++node->starts;
  node->restart_planned = false;
  node->paused_until = 0;
  node->syncing = node->making_snapshot = node->leads = false;
  node->pull.reset();
  node->downloaded.reset();
  node->leader_hw = Offset{};
  Disk& disk = *node->disk;
  node->applied = disk.view_end;
  node->digest = disk.view_digest;
  node->clock = Clock();
  node->clock.Jump(scheduler_.now(), random_.Between(0, 1'000'000'000'000));
  node->last_now = node->clock.At(scheduler_.now());
  node->wake_event_at = INT64_MAX;

  quorum::Options options = plan_.options;
  options.self = quorum::Identity{kCluster, node->id(), disk.id()};
  options.bootstrap.clear();
  for (uint32_t i = 1; i <= nodes_.size(); ++i) options.bootstrap.push_back(NodeId{i});
  quorum::Restored restored = disk.Restore(voters_);
  // A disk may not know the newest session; that costs a retry, never more.
  if (random_.Below(4) == 0) restored.last_session = quorum::SessionId{};
  restored.seed = random_.Next();
  witnesses_[node->index].OnStart();
  node->core.emplace(options, restored);
  if (trace_->is_text()) Say("start " + Text(*node));
  Step(node, quorum::Started{});
  if (node->is_up() && disk.snapshot && disk.snapshot->id.end <= disk.end() &&
      disk.EpochBefore(disk.snapshot->id.end) == disk.snapshot->id.epoch) {
    Step(node, quorum::SnapshotAvailable{disk.snapshot->id});
  }
}

void Cluster::Stop(Node* node, bool loud) {
  SIM_ASSERT(node->is_up());
  ++coverage_.crashes;
  Disk& disk = *node->disk;
  disk.last_session = std::max(disk.last_session, node->core->following().session);
  for (const PendingCommand& command : node->commands) oracle_.OnUnknown(command.id);
  for (uint64_t id : node->waiting) oracle_.OnUnknown(id);
  coverage_.unknown += node->commands.size() + node->waiting.size();
  node->commands.clear();
  node->waiting.clear();
  node->reads.clear();
  node->admin.clear();
  const bool tail = disk.synced() < disk.end();
  const Offset end = disk.end();
  const Offset synced = disk.synced();
  disk.Crash(&random_, plan_.keep_tail);
  if (tail && disk.end() < end) ++coverage_.tails_lost;
  if (tail && disk.end() > synced) ++coverage_.tails_kept;
  // A snapshot that was being put in place is there completely or not at all.
  if (node->installing && random_.Coin()) {
    disk.InstallSnapshot(*node->downloaded);
    node->applied = disk.view_end;
    node->digest = disk.view_digest;
  }
  node->installing = false;
  // The view is synced at its checkpoints only; the rest may be there or not.
  if (!random_.Chance(plan_.view_falls_back) && node->applied > disk.view_end) {
    disk.view_end = node->applied;
    disk.view_digest = node->digest;
  }
  node->core.reset();
  node->life = 0;
  network_.NodeStopped(node->index, loud);
  if (trace_->is_text()) Say("stop " + Text(*node));
  if (!node->restart_planned) {
    node->restart_planned = true;
    const int64_t timeout = plan_.options.fetch_timeout_ns();
    const int64_t after = random_.Between(1'000'000, healed ? timeout : timeout * 5);
    scheduler_.In(after, Event{.what = What::kRestart, .node = node->index});
  }
}

void Cluster::Step(Node* node, const quorum::Event& event, const Packet* frame) {
  node->last_now = std::max(node->last_now, node->clock.At(scheduler_.now()));
  ++coverage_.steps;
  if (trace_->is_text()) Say(std::to_string(node->index + 1u) + " <- " + Text(event));
  Witness& witness = witnesses_[node->index];
  if (const auto* received = std::get_if<quorum::Received>(&event)) {
    witness.OnMessage(*node, voters_[node->disk->VotersInForce()], received->message);
  }
  if (std::holds_alternative<quorum::Tick>(event)) witness.OnTick();
  const quorum::Effects effects = node->core->Step(node->last_now, event);
  if (trace_->is_text()) {
    const std::string text = Text(effects);
    if (!text.empty()) Say("    " + Text(*node) + " => " + text);
  }
  trace_->AddState(*node);
  Execute(node, effects, frame);
}

bool Cluster::Dispatch(Event* out) {
  const Event event = scheduler_.Pop();
  *out = event;
  if (event.what == What::kFault || event.what == What::kFaultEnds) {
    ++events_;
    return false;
  }
  if (event.what == What::kSubmit) {
    ++events_;
    Submit();
    return true;
  }
  Node* node = nodes_[event.node].get();
  if (event.what == What::kRestart) {
    if (!node->is_up() && !node->kept_down) Start(node);
    return true;
  }
  // A paused node's events wait for it, in their order.
  if (node->is_up() && node->paused_until > scheduler_.now()) {
    if (event.what == What::kWake) {
      if (event.at != node->wake_event_at) return true;
      node->wake_event_at = node->paused_until;
    }
    scheduler_.At(node->paused_until, event);
    return true;
  }
  if (event.life != 0 && event.life != node->life) {
    if (event.what == What::kFrameRead) packets_.Free(static_cast<uint32_t>(event.a));
    return true;
  }
  switch (event.what) {
    case What::kWake:
      OnWake(node, event);
      break;
    case What::kDatagram:
      network_.OnDatagram(event);
      break;
    case What::kStreamUp:
    case What::kStreamDown:
      network_.OnPump(event);
      break;
    case What::kFrameRead:
      OnFrameRead(node, static_cast<uint32_t>(event.a));
      break;
    case What::kFrameSent:
      OnFrameSent(node, event);
      break;
    case What::kSynced:
      OnSynced(node, Offset{event.a});
      break;
    case What::kInstalled:
      OnInstalled(node);
      break;
    case What::kSnapshotMade:
      node->making_snapshot = false;
      OfferSnapshot(node);
      break;
    case What::kPullRetry:
      OnPullRetry(node, event.a);
      break;
    default:
      SIM_ASSERT(false, static_cast<int>(event.what));
  }
  ++events_;
  return true;
}

void Cluster::OnWake(Node* node, const Event& event) {
  if (event.at != node->wake_event_at || !node->is_up()) return;
  node->wake_event_at = INT64_MAX;
  if (node->clock.At(scheduler_.now()) < node->core->wake_at()) return RearmWake(node);
  Step(node, quorum::Tick{});
}

void Cluster::RearmWake(Node* node) {
  if (!node->is_up()) return;
  const Instant wake = node->core->wake_at();
  if (wake == quorum::kNever) return;
  const int64_t at = std::max(node->clock.SimTimeOf(wake), scheduler_.now());
  if (at >= node->wake_event_at) return;
  node->wake_event_at = at;
  scheduler_.At(at, Event{.life = node->life, .what = What::kWake, .node = node->index});
}

template <typename Event>
void Cluster::StepAndPropose(Node* node, Event event, const Packet* frame) {
  // Histories without such steps draw no number for them.
  const bool waits = plan_.proposal_follows > 0 && !healed && node->full_until <= scheduler_.now() &&
                     node->core->role() == quorum::Role::kLeader && random_.Chance(plan_.proposal_follows);
  event.proposal_follows = waits;
  const auto high_watermark = node->core->high_watermark();
  Step(node, event, frame);
  if (!waits || !node->is_up() || node->core->high_watermark() == high_watermark) return;
  Propose(node, 1 + static_cast<uint32_t>(random_.Below(plan_.commands_max)));
}

void Cluster::Deliver(uint8_t to, uint32_t id) {
  Node* node = nodes_[to].get();
  Packet& packet = packets_[id];
  switch (packet.kind) {
    case Packet::Kind::kMessage:
      return StepAndPropose(node, quorum::Received{std::move(packet.message)}, &packet);
    case Packet::Kind::kPieceRequest:
      return OnPieceRequest(node, packet);
    case Packet::Kind::kPiece:
      return OnPiece(node, packet);
  }
}

void Cluster::OnStreamEnded(uint8_t node, NodeId peer, quorum::SessionId session) {
  ++coverage_.streams_ended;
  Step(nodes_[node].get(), quorum::StreamClosed{peer, session});
}

void Cluster::OnFrameSent(Node* node, const Event& event) {
  Stream* stream = network_.FindByHandle(event.a);
  if (stream == nullptr || stream->write != Stream::Write::kReported || !stream->leader_open) return;
  stream->write = Stream::Write::kNone;
  Step(node, quorum::FrameSent{NodeId{stream->follower + 1u}, stream->session, stream->sent_end,
                               stream->sent_bytes});
}

int64_t Cluster::SyncTime(const Node& node) {
  const int64_t time = random_.Between(plan_.sync_ns / 2, plan_.sync_ns * 2);
  return node.slow_until > scheduler_.now() ? time * 100 : time;
}

// One fsync at a time, for all that was written before it began. A full disk takes nothing until it has room.
void Cluster::StartSync(Node* node) {
  if (node->syncing || node->disk->synced() == node->disk->end()) return;
  node->syncing = true;
  const int64_t begin = std::max(scheduler_.now(), node->full_until);
  scheduler_.At(
      begin + SyncTime(*node),
      Event{.a = node->disk->end().value, .life = node->life, .what = What::kSynced, .node = node->index});
}

void Cluster::OnSynced(Node* node, Offset end) {
  if (!healed && random_.Chance(plan_.fail_sync)) {
    ++coverage_.failed_syncs;
    return Stop(node, true);
  }
  node->syncing = false;
  node->disk->SetSynced(end);
  StepAndPropose(node, quorum::Persisted{end});
  if (node->is_up()) StartSync(node);
}

Node* Cluster::FindLeader() {
  Node* leader = nullptr;
  for (auto& node : nodes_) {
    if (!node->is_up() || node->core->role() != quorum::Role::kLeader) continue;
    if (leader == nullptr || node->core->epoch() > leader->core->epoch()) leader = node.get();
  }
  return leader;
}

void Cluster::Say(const std::string& text) {
  trace_->Line(events_, scheduler_.now(), text);
}

}  // namespace mom::sim
