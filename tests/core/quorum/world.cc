#include "tests/core/quorum/world.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"

namespace mom::quorum {
namespace {

constexpr Uuid kCluster{0, 99};
constexpr uint64_t kEntryBytes = 100;

Uuid DiskOf(uint32_t id) {
  return Uuid{0, 10 * id};
}

Event BeforeProposal(Event event) {
  if (auto* received = std::get_if<Received>(&event)) received->proposal_follows = true;
  if (auto* persisted = std::get_if<Persisted>(&event)) persisted->proposal_follows = true;
  return event;
}

}  // namespace

bool Packet::is_stream() const {
  return !message || std::holds_alternative<FetchRequest>(message->body) ||
         std::holds_alternative<FetchReply>(message->body);
}

World::World(uint32_t count, uint64_t seed) : seed_(seed) {
  std::vector<ReplicaKey> keys;
  for (uint32_t id = 1; id <= count; ++id) keys.push_back({NodeId{id}, DiskOf(id)});
  for (uint32_t id = 1; id <= count; ++id) AddNode(NodeId{id}, DiskOf(id), VoterSet(keys));
}

Node& World::AddNode(NodeId id, Uuid disk, const VoterSet& floor) {
  auto& slot = nodes_[id.value];
  slot = std::make_unique<Node>();
  slot->id = id;
  slot->disk = disk;
  slot->floor = floor;
  return *slot;
}

void World::Start(uint32_t id) {
  Node& n = node(id);
  MOM_CHECK(!n.core);
  Options o = options;
  o.self = Identity{kCluster, n.id, n.disk};
  Restored r;
  r.hard_state = n.hard_state;
  r.log_start = n.log_start;
  r.log_start_epoch = n.start_epoch;
  r.log_end = n.log_end();
  r.voters = n.floor;
  r.committed_end = n.applied;
  r.damaged = n.damaged;
  r.last_session = SessionId{++n.starts * 1000};
  r.seed = seed_ * 1000 + id * 10 + n.starts;
  Epoch last{};
  for (Offset at = n.log_start; at < n.log_end(); at = Next(at)) {
    const LogEntry& e = n.At(at);
    if (at == n.log_start || e.epoch != last) r.epochs.push_back({e.epoch, at});
    last = e.epoch;
    if (e.kind == EntryKind::kVoters) r.voter_entries.push_back({at, e.voters});
  }
  n.core = std::make_unique<Quorum>(o, r);
  Do(id, Started{});
}

void World::Crash(uint32_t id, bool loud) {
  Node& n = node(id);
  n.core.reset();
  n.log.resize((n.synced - n.log_start).value);
  n.wake_at = kNever;
  n.pulling.reset();
  n.installing.reset();
  for (auto& [pair, link] : links_) {
    const auto [from, to] = pair;
    if (to == id) link.clear();
    if (from != id) continue;
    for (Packet& packet : link) packet.sent.reset();
  }
  if (!loud) return;
  for (auto& [other, peer] : nodes_) {
    if (other == id || !peer->core) continue;
    std::vector<SessionId> sessions;
    if (peer->core->following().session != SessionId{}) sessions.push_back(peer->core->following().session);
    for (const Progress& p : peer->core->progress()) {
      if (p.key.node == n.id && p.open) sessions.push_back(p.session);
    }
    for (SessionId session : sessions) {
      Packet packet;
      packet.from = n.id;
      packet.to = peer->id;
      packet.closed = session;
      links_[{id, other}].push_back(packet);
    }
  }
}

void World::Damage(uint32_t id, Offset to) {
  Node& n = node(id);
  MOM_CHECK(!n.core && to >= n.applied);
  n.log.resize((to - n.log_start).value);
  n.synced = to;
  n.damaged = true;
}

void World::Do(uint32_t id, const Event& event) {
  Node& n = node(id);
  if (!n.core) return;
  const Packet* frame = std::exchange(current_frame_, nullptr);
  if (const auto* read = std::get_if<ReadRequested>(&event)) {
    reads_[{id, read->id}] = committed_.empty() ? 0 : committed_.rbegin()->first + 1;
  }
  const auto high_watermark = n.core->high_watermark();
  const Effects effects = n.core->Step(now_, n.waiting > 0 ? BeforeProposal(event) : event);
  if (on_effects) on_effects(n, effects);
  Execute(&n, effects, frame);
  if (n.waiting > 0 && n.core->high_watermark() != high_watermark)
    Do(id, Proposed{std::exchange(n.waiting, 0)});
}

void World::Execute(Node* n, const Effects& effects, const Packet* frame) {
  if (effects.hard_state) n->hard_state = *effects.hard_state;
  if (effects.truncate_to) {
    MOM_CHECK(n->synced == n->log_end(), n->synced, n->log_end());
    MOM_CHECK(*effects.truncate_to >= n->applied, *effects.truncate_to, n->applied);
    n->log.resize((*effects.truncate_to - n->log_start).value);
    n->synced = n->log_end();
  }
  if (effects.install) n->installing = effects.install;
  if (effects.append) ExecuteAppend(n, *effects.append, frame);
  for (const Message& message : effects.messages) {
    Packet packet;
    packet.from = n->id;
    packet.to = message.to;
    packet.message = message;
    links_[{n->id.value, message.to.value}].push_back(std::move(packet));
  }
  for (const SendFrame& order : effects.frames) ExecuteFrame(n, order);
  for (const CloseStream& close : effects.closes) {
    Packet packet;
    packet.from = n->id;
    packet.to = close.peer;
    packet.closed = close.session;
    links_[{n->id.value, close.peer.value}].push_back(std::move(packet));
  }
  if (effects.pull_snapshot) {
    n->pulling = effects.pull_snapshot;
    if (n->pulling->abort) n->pulling.reset();
  }
  if (effects.committed_end) {
    CheckCommit(n, n->applied, *effects.committed_end);
    n->applied = *effects.committed_end;
  }
  if (effects.repaired) n->damaged = false;
  if (effects.snapshot_wanted) n->snapshot_wanted = true;
  CheckReads(*n, effects);
  n->wake_at = effects.wake_at;
  if (n->core->role() != Role::kLeader) return;
  const auto [it, fresh] = led_.emplace(n->core->epoch().value, n->id.value);
  MOM_CHECK(it->second == n->id.value, it->first, it->second, n->id);  // G1.
  CheckMajority(*n);
}

void World::ExecuteAppend(Node* n, const Append& append, const Packet* frame) {
  MOM_CHECK(append.begin == n->log_end(), append.begin, n->log_end());
  if (append.from_frame) {
    MOM_CHECK(frame != nullptr);
    n->log.insert(n->log.end(), frame->entries.begin(), frame->entries.end());
  } else {
    if (append.leader_change) n->log.push_back({append.epoch, EntryKind::kLeaderChange, next_id_++, {}});
    if (append.voters) n->log.push_back({append.epoch, EntryKind::kVoters, next_id_++, *append.voters});
    for (uint32_t i = 0; i < append.commands; ++i) {
      n->log.push_back({append.epoch, EntryKind::kCommand, next_id_++, {}});
    }
  }
  MOM_CHECK(append.end == n->log_end(), append.end, n->log_end());
}

void World::ExecuteFrame(Node* n, const SendFrame& order) {
  Packet packet;
  packet.from = n->id;
  packet.to = order.to;
  Frame frame;
  frame.base = order.begin;
  frame.probe = order.probe;
  uint64_t bytes = 0;
  Offset at = order.begin;
  for (; at < order.end && (bytes == 0 || bytes + kEntryBytes <= order.bytes_max); at = Next(at)) {
    const LogEntry& e = n->At(at);
    if (frame.runs.empty() || frame.runs.back().epoch != e.epoch) {
      frame.runs.push_back({e.epoch, 0, e.kind == EntryKind::kLeaderChange});
    }
    ++frame.runs.back().count;
    if (e.kind == EntryKind::kVoters) frame.voters.push_back({at, e.voters});
    packet.entries.push_back(e);
    bytes += kEntryBytes;
  }
  FetchReply reply{order.epoch, n->id, order.session, order.high_watermark, std::move(frame)};
  packet.message = Message{Identity{kCluster, n->id, n->disk}, order.to, std::move(reply)};
  packet.sent = FrameSent{order.to, order.session, at, bytes};
  links_[{n->id.value, order.to.value}].push_back(std::move(packet));
}

void World::Deliver(uint32_t from, uint32_t to, size_t index, bool lose) {
  Link& link = links_[{from, to}];
  const Packet packet = std::move(link.at(index));
  link.erase(link.begin() + static_cast<std::ptrdiff_t>(index));
  if (packet.sent && nodes_.contains(from)) Do(from, *packet.sent);
  const auto receiver = nodes_.find(to);
  if (lose || IsCut(from, to) || receiver == nodes_.end()) return;
  if (!receiver->second->core) {
    // Connecting to a dead process is refused.
    const auto* fetch = packet.message ? std::get_if<FetchRequest>(&packet.message->body) : nullptr;
    if (fetch != nullptr && fetch->open) {
      Packet refused;
      refused.from = packet.to;
      refused.to = packet.from;
      refused.closed = fetch->session;
      links_[{to, from}].push_back(refused);
    }
    return;
  }
  if (!packet.message) return Do(to, StreamClosed{packet.from, packet.closed});
  current_frame_ = &packet;
  Do(to, Received{*packet.message});
}

void World::Persist(uint32_t id, Offset to) {
  Node& n = node(id);
  if (!n.core || n.stalled) return;
  n.synced = to;
  Do(id, Persisted{to});
}

Identity World::IdentityOf(const Node& n) const {
  return Identity{kCluster, n.id, n.disk};
}

void World::Hand(uint32_t to, const Message& message) {
  Packet packet;
  packet.from = message.from.node;
  packet.to = NodeId{to};
  packet.message = message;
  if (const auto* reply = std::get_if<FetchReply>(&message.body)) {
    if (const auto* frame = std::get_if<Frame>(&reply->body)) {
      for (const EpochRun& run : frame->runs) {
        for (uint32_t i = 0; i < run.count; ++i) {
          packet.entries.push_back({run.epoch, EntryKind::kCommand, next_id_++, {}});
        }
      }
    }
  }
  current_frame_ = &packet;
  Do(to, Received{message});
}

void World::DropPrefix(uint32_t id) {
  Node& n = node(id);
  if (!n.core || n.applied <= n.log_start || n.installing) return;
  n.floor = n.core->VotersAt(n.applied);
  n.start_epoch = n.At(Offset{n.applied.value - 1}).epoch;
  n.log.erase(n.log.begin(), n.log.begin() + static_cast<std::ptrdiff_t>((n.applied - n.log_start).value));
  n.log_start = n.applied;
  Do(id, LogStartMoved{n.log_start});
}

void World::OfferSnapshot(uint32_t id) {
  Node& n = node(id);
  n.snapshot_wanted = false;
  if (!n.core || n.applied < n.log_start || n.applied == Offset{} || n.installing) return;
  const Epoch epoch = n.applied == n.log_start ? n.start_epoch : n.At(Offset{n.applied.value - 1}).epoch;
  Do(id, SnapshotAvailable{SnapshotId{n.applied, epoch}});
}

void World::FinishSnapshot(uint32_t id) {
  Node& n = node(id);
  if (!n.core) return;
  if (n.installing) {
    const SnapshotId snapshot = *n.installing;
    n.installing.reset();
    n.log.clear();
    n.log_start = n.synced = snapshot.end;
    n.start_epoch = snapshot.epoch;
    n.applied = std::max(n.applied, snapshot.end);
    n.floor = n.installing_voters;
    return Do(id, SnapshotInstalled{snapshot});
  }
  if (!n.pulling) return;
  const PullSnapshot pull = *n.pulling;
  n.pulling.reset();
  Node& leader = node(pull.from.value);
  if (!leader.core || IsCut(pull.from.value, id) || leader.core->log_start() > pull.id.end) {
    return Do(id, SnapshotFailed{pull.id});
  }
  n.installing_voters = leader.core->VotersAt(pull.id.end);
  Do(id, SnapshotDownloaded{pull.id, n.installing_voters});
}

bool World::IsCut(uint32_t from, uint32_t to) const {
  const auto it = cuts_.find({from, to});
  return it != cuts_.end() && it->second;
}

uint32_t World::Leader() const {
  uint32_t leader = 0;
  Epoch best{};
  for (const auto& [id, n] : nodes_) {
    if (!n->core || n->core->role() != Role::kLeader || n->core->epoch() < best) continue;
    best = n->core->epoch();
    leader = id;
  }
  return leader;
}

// G2, G3: whoever commits an offset commits the same entry.
void World::CheckCommit(Node* n, Offset from, Offset to) {
  for (Offset at = std::max(from, n->log_start); at < to; at = Next(at)) {
    const LogEntry& e = n->At(at);
    MOM_CHECK(at < n->synced, at, n->synced);
    const auto [it, fresh] = committed_.emplace(at.value, std::pair(e.epoch.value, e.id));
    MOM_CHECK(it->second == std::pair(e.epoch.value, e.id), at, it->second.first, e.epoch, it->second.second,
              e.id);
  }
}

// Linearizability: what anybody saw committed before the read arrived, the read sees.
void World::CheckReads(const Node& n, const Effects& effects) {
  for (const ReadVerdict& read : effects.reads) {
    if (read.refusal != Refusal::kNone) continue;
    const uint64_t floor = reads_.at({n.id.value, read.id});
    MOM_CHECK(read.read_end.value >= floor, n.id, read.id, read.read_end, floor);
  }
}

// G5: what a leader calls committed is on the disks of a majority of its voters, damaged ones aside.
void World::CheckMajority(Node& leader) {
  const auto hw = leader.core->high_watermark();
  if (!hw || *hw <= leader.counted) return;
  leader.counted = *hw;
  if (Offset{hw->value - 1} < leader.log_start) return;
  const Offset last{hw->value - 1};
  const LogEntry& entry = leader.At(last);
  size_t holders = 0;
  bool excuses = false;
  for (const ReplicaKey& voter : leader.core->voters()) {
    const auto it = nodes_.find(voter.node.value);
    if (it == nodes_.end() || it->second->disk != voter.disk || it->second->damaged) {
      excuses = true;  // Its disk was lost after it had acknowledged.
      continue;
    }
    const Node& n = *it->second;
    if (n.log_start > last) {
      ++holders;
    } else if (n.synced > last && n.At(last).id == entry.id) {
      ++holders;
    }
  }
  MOM_CHECK(holders >= leader.core->voters().majority() || excuses, *hw, holders);
}

}  // namespace mom::quorum
