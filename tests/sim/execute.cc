// Carrying out the effects of one step, from top to bottom: the part that core/quorum/effects.h is the
// contract for.
#include <algorithm>
#include <utility>

#include "tests/sim/cluster.h"
#include "tests/sim/violation.h"

namespace mom::sim {

// An aimed crash: between two effects of a step, where a random one hardly ever falls.
bool Cluster::CrashesHere(Node* node) {
  if (healed || !random_.Chance(plan_.aimed_crash)) return false;
  ++coverage_.aimed_crashes;
  Stop(node, random_.Coin());
  return true;
}

void Cluster::Execute(Node* node, const quorum::Effects& effects, const Packet* frame) {
  if (!ExecuteDisk(node, effects, frame)) return;
  if (effects.append || effects.truncate_to) CheckVoters(*node);
  CheckHighWatermark(node);
  witnesses_[node->index].OnStep(*node, voters_[node->disk->VotersInForce()], plan_.options);
  if (!ExecuteSends(node, effects)) return;
  if (effects.committed_end) Apply(node, *effects.committed_end);
  if (effects.repaired) {
    oracle_.OnRepaired(*node->disk);
    node->disk->damaged = false;
    ++coverage_.repairs;
  }
  ExecuteVerdicts(node, effects);
  if (effects.role) {
    const quorum::RoleChange& role = *effects.role;
    if (role.role == quorum::Role::kResigned) ++coverage_.resignations;
    if (role.role == quorum::Role::kLeader && node->id() != last_leader_) {
      ++coverage_.leader_changes;
      last_leader_ = node->id();
    }
  }
  RearmWake(node);
}

bool Cluster::ExecuteDisk(Node* node, const quorum::Effects& effects, const Packet* frame) {
  Disk& disk = *node->disk;
  if (effects.hard_state) {
    if (CrashesHere(node)) return false;
    oracle_.OnHardState(disk.hard_state, *effects.hard_state, disk.damaged);
    disk.hard_state = *effects.hard_state;
    if (CrashesHere(node)) return false;
  }
  if (effects.truncate_to) {
    oracle_.OnTruncate(*effects.truncate_to, node->applied);
    const std::optional<Offset> voters = disk.NewestVoters();
    if (voters && *voters >= *effects.truncate_to) ++coverage_.voter_changes_reverted;
    disk.TruncateTo(*effects.truncate_to);
    ForgetCommands(node, *effects.truncate_to);
    ++coverage_.truncations;
    if (CrashesHere(node)) return false;
  }
  if (effects.install) {
    SIM_CHECK(node->downloaded && node->downloaded->id == *effects.install, "I16: installs what is not here",
              effects.install->end);
    node->installing = true;
    scheduler_.In(SyncTime(*node) * 2,
                  Event{.life = node->life, .what = What::kInstalled, .node = node->index});
  }
  if (effects.append) {
    ExecuteAppend(node, *effects.append, frame);
    if (CrashesHere(node)) return false;
  }
  return true;
}

void Cluster::ExecuteAppend(Node* node, const quorum::Append& append, const Packet* frame) {
  Disk& disk = *node->disk;
  SIM_CHECK(append.begin == disk.end(), "I12: a gap in the log", append.begin, disk.end());
  if (append.from_frame) {
    SIM_CHECK(!witnesses_[node->index].got_stale_reply(), "S3: takes a frame of another stream", node->id());
    SIM_CHECK(frame != nullptr && append.end == append.begin + Count{frame->records.size()},
              "I12: appends another number of entries than the frame has", append.begin, append.end);
    for (const Record& record : frame->records) {
      oracle_.OnFollowerAppend(disk.end(), record, disk.EpochBefore(disk.end()));
      disk.Append(record);
    }
    return StartSync(node);
  }
  if (append.leader_change) {
    oracle_.OnElected(node->id(), append.epoch, disk);
    ++coverage_.elections;
  }
  const auto write = [&](EntryKind kind, uint64_t id, uint16_t voters) {
    const Record record{id, append.epoch.value, voters, kind};
    oracle_.OnLeaderAppend(node->id(), disk.end(), record);
    disk.Append(record);
  };
  if (append.leader_change) write(EntryKind::kLeaderChange, oracle_.NewId(), 0);
  if (append.voters) {
    if (!node->admin.empty() && node->admin.back().is_change) node->admin.back().offset = disk.end();
    oracle_.OnVotersAppend(append.epoch, disk.NewestVoters());
    witnesses_[node->index].OnVotersAppended(*node);
    write(EntryKind::kVoters, oracle_.NewId(), voters_.IndexOf(*append.voters));
  }
  SIM_CHECK(append.commands == 0 || append.commands == node->waiting.size(),
            "G8: accepts another number of commands than wait", append.commands, node->waiting.size());
  for (uint32_t i = 0; i < append.commands; ++i) {
    node->commands.push_back(PendingCommand{disk.end(), node->waiting[i]});
    write(EntryKind::kCommand, node->waiting[i], 0);
  }
  if (append.commands > 0) node->waiting.clear();
  SIM_CHECK(append.end == disk.end(), "I12: another log end than written", append.end, disk.end());
  StartSync(node);
}

bool Cluster::ExecuteSends(Node* node, const quorum::Effects& effects) {
  for (const quorum::Message& message : effects.messages) {
    Send(node, message);
    if (CrashesHere(node)) return false;
  }
  for (const quorum::SendFrame& order : effects.frames) SendFrame(node, order);
  for (const quorum::CloseStream& close : effects.closes) {
    const auto peer = static_cast<uint8_t>(close.peer.value - 1);
    if (Stream* mine = network_.FindAtFollower(node->index, close.session); mine && mine->leader == peer) {
      network_.CloseByFollower(mine);
    } else if (Stream* served = network_.FindAtLeader(node->index, peer, close.session)) {
      network_.CloseByLeader(served);
    }
  }
  if (effects.pull_snapshot) OnPullSnapshot(node, *effects.pull_snapshot);
  if (effects.snapshot_wanted && !node->making_snapshot) {
    node->making_snapshot = true;
    scheduler_.In(SyncTime(*node) * 4,
                  Event{.life = node->life, .what = What::kSnapshotMade, .node = node->index});
  }
  return true;
}

void Cluster::Send(Node* node, const quorum::Message& message) {
  oracle_.OnSend(*node->disk, node->key(), message);
  const uint32_t to = message.to.value - 1;
  if (to >= nodes_.size()) return;  // An answer to somebody who does not exist.
  const uint32_t id = packets_.New();
  Packet& packet = packets_[id];
  packet.from = node->index;
  packet.to = static_cast<uint8_t>(to);
  packet.message = message;
  if (const auto* request = std::get_if<quorum::FetchRequest>(&message.body)) {
    Stream* stream = request->open ? network_.Open(node->index, packet.to, request->session)
                                   : network_.FindAtFollower(node->index, request->session);
    return stream == nullptr ? packets_.Free(id) : network_.SendUp(stream, id);
  }
  if (const auto* reply = std::get_if<quorum::FetchReply>(&message.body)) {
    Stream* stream = network_.FindAtLeader(node->index, packet.to, reply->session);
    if (stream == nullptr) return packets_.Free(id);
    if (std::holds_alternative<quorum::EpochEnd>(reply->body)) ++coverage_.divergences;
    if (std::holds_alternative<quorum::SnapshotId>(reply->body)) ++coverage_.snapshots_offered;
    network_.SendDown(stream, id);
    return network_.CloseByLeader(stream);
  }
  network_.SendDatagram(id);
}

void Cluster::SendFrame(Node* node, const quorum::SendFrame& order) {
  const uint32_t id = packets_.New();
  Packet& packet = packets_[id];
  packet.from = node->index;
  packet.to = static_cast<uint8_t>(order.to.value - 1);
  packet.order = order;
  Stream* stream = network_.FindAtLeader(node->index, packet.to, order.session);
  if (stream == nullptr) return packets_.Free(id);
  stream->write = Stream::Write::kReading;
  packet.stream = stream->handle;
  if (order.begin < order.end && random_.Chance(plan_.read_slow)) {
    scheduler_.In(SyncTime(*node),
                  Event{.a = id, .life = node->life, .what = What::kFrameRead, .node = node->index});
    return;
  }
  OnFrameRead(node, id);
}

// A stream that was closed meanwhile takes no frame; one whose entries are gone is given up.
void Cluster::OnFrameRead(Node* node, uint32_t id) {
  const quorum::SendFrame order = packets_[id].order;
  Stream* stream = network_.FindByHandle(packets_[id].stream);
  if (stream == nullptr || !stream->leader_open || stream->write != Stream::Write::kReading) {
    return packets_.Free(id);
  }
  if (order.begin < node->disk->start()) {
    packets_.Free(id);
    return network_.Break(stream);
  }
  FillFrame(node, id);
  network_.SendDown(stream, id);
}

void Cluster::FillFrame(Node* node, uint32_t id) {
  Packet& packet = packets_[id];
  const quorum::SendFrame& order = packet.order;
  const Disk& disk = *node->disk;
  quorum::Frame body{order.begin, {}, {}, order.probe};
  uint64_t bytes = 0;
  Offset at = order.begin;
  SIM_CHECK(order.end <= disk.end(), "I11: sends what is not in the log", order.end, disk.end());
  for (; at < order.end; at = Next(at)) {
    const Record& record = disk.At(at);
    if (at > order.begin && bytes + record.bytes() > order.bytes_max) break;
    bytes += record.bytes();
    if (body.runs.empty() || body.runs.back().epoch.value != record.epoch) {
      body.runs.push_back({Epoch{record.epoch}, 0, record.kind == EntryKind::kLeaderChange});
    }
    ++body.runs.back().count;
    if (record.kind == EntryKind::kVoters) body.voters.push_back({at, voters_[record.voters]});
    packet.records.push_back(record);
  }
  Stream* stream = network_.FindByHandle(packet.stream);
  stream->write = Stream::Write::kQueued;
  stream->sent_end = at;
  stream->sent_bytes = bytes;
  quorum::Identity self = cluster_;
  self.node = node->id();
  self.disk = node->disk->id();
  packet.message = quorum::Message{
      self, order.to,
      quorum::FetchReply{order.epoch, node->id(), order.session, order.high_watermark, std::move(body)}};
}

void Cluster::Apply(Node* node, Offset to) {
  if (to > node->applied) {
    node->digest = oracle_.OnApply(*node->disk, node->applied, to, node->digest);
    coverage_.commits += (to - node->applied).value;
    node->applied = to;
  }
  while (!node->commands.empty() && node->commands.front().offset < to) {
    const PendingCommand command = node->commands.front();
    node->commands.pop_front();
    oracle_.OnAcknowledged(command.id, command.offset);
    ++coverage_.acknowledged;
  }
}

// Truncated or replaced here: another log may still hold it.
void Cluster::ForgetCommands(Node* node, Offset from) {
  while (!node->commands.empty() && node->commands.back().offset >= from) {
    oracle_.OnUnknown(node->commands.back().id);
    ++coverage_.unknown;
    node->commands.pop_back();
  }
}

void Cluster::CheckVoters(const Node& node) const {
  SIM_CHECK(node.core->voters() == voters_[node.disk->VotersInForce()], "I15: other voters than the log has",
            node.id(), node.core->voters());
}

// Before anything is applied or sent that builds on it. A removed leader resigns in the very step in which it
// commits its removal.
void Cluster::CheckHighWatermark(Node* node) {
  const quorum::Quorum& core = *node->core;
  std::optional<Offset> end;
  if (core.role() == quorum::Role::kLeader) end = core.high_watermark();
  const bool led = std::exchange(node->leads, core.role() == quorum::Role::kLeader);
  if (led && !node->leads) {
    end = core.high_watermark();
    const bool own = *end > node->disk->start() && node->disk->EpochBefore(*end) == core.epoch();
    if (!own) end.reset();  // Known from leaders before it.
  }
  if (!end || (node->leader_hw_epoch == core.epoch() && *end == node->leader_hw)) return;
  SIM_CHECK(node->leader_hw_epoch != core.epoch() || *end > node->leader_hw, "G6: a high watermark fell",
            *end, node->leader_hw);
  node->leader_hw = *end;
  node->leader_hw_epoch = core.epoch();
  oracle_.OnHighWatermark(core.epoch(), *node->disk, *end);
}

void Cluster::ExecuteVerdicts(Node* node, const quorum::Effects& effects) {
  if (effects.refused > 0) {
    SIM_CHECK(effects.refused == node->waiting.size(), "G8: refuses another number of commands than wait",
              effects.refused, node->waiting.size());
    for (uint64_t id : node->waiting) oracle_.OnRefused(id);
    coverage_.refused += node->waiting.size();
    node->waiting.clear();
  }
  for (const quorum::ReadVerdict& verdict : effects.reads) {
    const auto read = std::find_if(node->reads.begin(), node->reads.end(),
                                   [&](const PendingRead& r) { return r.id == verdict.id; });
    SIM_CHECK(read != node->reads.end(), "G8: a verdict on a read that nobody waits for", verdict.id);
    if (verdict.refusal == quorum::Refusal::kNone) {
      ++coverage_.reads_confirmed;
      oracle_.OnReadConfirmed(verdict.read_end, read->acknowledged_end);
    }
    node->reads.erase(read);
  }
  for (const quorum::AdminVerdict& verdict : effects.admin) {
    const auto admin = std::find_if(node->admin.begin(), node->admin.end(),
                                    [&](const PendingAdmin& a) { return a.id == verdict.id; });
    SIM_CHECK(admin != node->admin.end(), "G8: a second verdict for the administrator", verdict.id);
    if (verdict.refusal == quorum::Refusal::kNone) {
      if (admin->is_change) {
        SIM_CHECK(admin->offset.has_value(), "G8: a voter change without an entry", verdict.id);
        oracle_.OnChangeCommitted(*admin->offset);
      }
      ++(admin->is_change ? coverage_.voter_changes : coverage_.transfers);
    }
    node->admin.erase(admin);
  }
}

}  // namespace mom::sim
