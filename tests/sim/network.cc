#include "tests/sim/network.h"

#include <algorithm>

#include "tests/sim/violation.h"

namespace mom::sim {
namespace {

constexpr uint64_t kSlots = 1024;  // Of streams; a handle is serial number times this plus the slot.

}  // namespace

int64_t Network::Delay() {
  const int64_t mean = plan_->delay_ns;
  const int64_t delay = random_->Between(mean / 2, mean * 3 / 2);
  return random_->Chance(plan_->reorder) ? delay * 10 : delay;
}

void Network::SendDatagram(uint32_t packet) {
  if (random_->Chance(plan_->loss)) return packets_->Free(packet);
  const uint8_t to = (*packets_)[packet].to;
  const int64_t clogged = clogged_until_[(*packets_)[packet].from][to];
  const int64_t from = std::max(scheduler_->now(), clogged);
  if (random_->Chance(plan_->duplicate)) {
    ++duplicates_;
    scheduler_->At(from + Delay(), Event{.a = packets_->Copy(packet), .what = What::kDatagram, .node = to});
  }
  scheduler_->At(from + Delay(), Event{.a = packet, .what = What::kDatagram, .node = to});
}

void Network::OnDatagram(const Event& event) {
  const auto id = static_cast<uint32_t>(event.a);
  const Packet& packet = (*packets_)[id];
  if (!cut_[packet.from][packet.to] && host_.life(packet.to) != 0) host_.deliver(packet.to, id);
  packets_->Free(id);
}

Stream* Network::Open(uint8_t follower, uint8_t leader, quorum::SessionId session) {
  size_t slot = 0;
  while (slot < streams_.size() && streams_[slot].handle != 0) ++slot;
  if (slot == streams_.size()) streams_.emplace_back();
  SIM_ASSERT(slot < kSlots, slot);
  Stream& stream = streams_[slot];
  stream = Stream();
  stream.handle = kSlots * next_handle_++ + slot;
  stream.session = session;
  stream.follower = follower;
  stream.leader = leader;
  stream.follower_open = true;
  stream.follower_life = host_.life(follower);
  return &stream;
}

Stream* Network::FindAtFollower(uint8_t follower, quorum::SessionId session) {
  Stream* found = nullptr;
  for (Stream& s : streams_) {
    if (s.handle == 0 || !s.follower_open || s.follower != follower || s.session != session) continue;
    if (found == nullptr || s.handle / kSlots > found->handle / kSlots) found = &s;
  }
  return found;
}

Stream* Network::FindAtLeader(uint8_t leader, uint8_t follower, quorum::SessionId session) {
  Stream* found = nullptr;
  for (Stream& s : streams_) {
    if (s.handle == 0 || !s.leader_open || s.follower != follower || s.session != session) continue;
    if (s.leader == leader && (found == nullptr || s.handle / kSlots > found->handle / kSlots)) found = &s;
  }
  return found;
}

Stream* Network::FindByHandle(uint64_t handle) {
  Stream& stream = streams_[handle % kSlots];
  return stream.handle == handle ? &stream : nullptr;
}

void Network::SchedulePump(Stream* stream, bool up, int64_t at) {
  Lane& lane = up ? stream->up : stream->down;
  if (lane.pumping) return;
  lane.pumping = true;
  scheduler_->At(at, Event{.a = stream->handle,
                           .what = up ? What::kStreamUp : What::kStreamDown,
                           .node = up ? stream->leader : stream->follower});
}

void Network::Push(Stream* stream, bool up, uint32_t packet) {
  if (stream->broken) return packets_->Free(packet);
  Lane& lane = up ? stream->up : stream->down;
  lane.last_ready = std::max(lane.last_ready, scheduler_->now() + Delay());
  lane.queue.push_back({packet, lane.last_ready});
  SchedulePump(stream, up, lane.last_ready);
}

// A request that acknowledges may take the place of one that still waits: it says more.
void Network::SendUp(Stream* stream, uint32_t packet) {
  auto& queue = stream->up.queue;
  if (queue.size() >= 2 && random_->Chance(plan_->replace)) {
    packets_->Free(queue.back().packet);
    queue.back().packet = packet;
    return;
  }
  Push(stream, true, packet);
}

void Network::SendDown(Stream* stream, uint32_t packet) {
  Push(stream, false, packet);
  ReportWritten(stream);
}

void Network::ReportWritten(Stream* stream) {
  if (stream->write != Stream::Write::kQueued) return;
  if (stream->down.queue.size() > plan_->transport_buffer) return;
  stream->write = Stream::Write::kReported;
  scheduler_->In(static_cast<int64_t>(random_->Below(static_cast<uint64_t>(plan_->delay_ns))),
                 Event{.a = stream->handle,
                       .life = stream->leader_life,
                       .what = What::kFrameSent,
                       .node = stream->leader});
}

void Network::OnPump(const Event& event) {
  Stream* stream = FindByHandle(event.a);
  if (stream == nullptr) return;
  const bool up = event.what == What::kStreamUp;
  Lane& lane = up ? stream->up : stream->down;
  lane.pumping = false;
  const uint8_t from = up ? stream->follower : stream->leader;
  const uint8_t to = up ? stream->leader : stream->follower;
  const int64_t now = scheduler_->now();
  if (clogged_until_[from][to] > now) return SchedulePump(stream, up, clogged_until_[from][to]);
  if (cut_[from][to]) {
    if (random_->Below(64) == 0) return Break(stream);  // The transport gives up.
    return SchedulePump(stream, up, now + Delay() * random_->Between(2, 20));
  }
  if (lane.queue.empty()) {
    if (lane.ends) TellEnd(stream, up);
    return FreeIfDone(stream);
  }
  if (lane.queue.front().ready > now) return SchedulePump(stream, up, lane.queue.front().ready);
  const uint32_t packet = lane.queue.front().packet;
  lane.queue.pop_front();
  if (!lane.queue.empty()) {
    SchedulePump(stream, up, std::max(now, lane.queue.front().ready));
  } else if (lane.ends) {
    SchedulePump(stream, up, now + Delay());
  }
  if (!up) ReportWritten(stream);
  const uint64_t handle = stream->handle;
  if (random_->Chance(plan_->loss / 64)) {
    packets_->Free(packet);
    return Break(stream);
  }
  HandOver(stream, up, packet);
  packets_->Free(packet);
  if ((stream = FindByHandle(handle)) != nullptr) FreeIfDone(stream);
}

// A packet of a stream that the receiver has closed may wait in its process already: then it still comes.
void Network::HandOver(Stream* stream, bool up, uint32_t packet) {
  const uint8_t to = up ? stream->leader : stream->follower;
  const uint32_t life = host_.life(to);
  if (life == 0) {
    if (up && !stream->leader_seen && random_->Coin()) Break(stream);  // Refused; else nobody answers.
    return;
  }
  if (up && !stream->leader_seen) {
    stream->leader_seen = stream->leader_open = true;
    stream->leader_life = life;
    return host_.deliver(to, packet);
  }
  if (life != (up ? stream->leader_life : stream->follower_life)) {
    // Another process lives there and knows nothing of the stream.
    Lane& back = up ? stream->down : stream->up;
    back.ends = true;
    return SchedulePump(stream, !up, scheduler_->now() + Delay());
  }
  if (!(up ? stream->leader_open : stream->follower_open)) {
    if (!random_->Chance(plan_->stale)) return;
    ++stale_;
  }
  host_.deliver(to, packet);
}

void Network::TellEnd(Stream* stream, bool up) {
  bool& open = up ? stream->leader_open : stream->follower_open;
  const uint8_t to = up ? stream->leader : stream->follower;
  const uint8_t from = up ? stream->follower : stream->leader;
  const bool tell = open && host_.life(to) == (up ? stream->leader_life : stream->follower_life);
  open = false;
  if (tell) host_.stream_ended(to, NodeId{from + 1u}, stream->session);
}

void Network::CloseByFollower(Stream* stream) {
  stream->follower_open = false;
  stream->up.ends = true;
  if (stream->up.queue.empty()) SchedulePump(stream, true, scheduler_->now() + Delay());
  if (stream->down.queue.empty()) FreeIfDone(stream);
}

void Network::CloseByLeader(Stream* stream) {
  stream->leader_open = false;
  stream->down.ends = true;
  if (stream->down.queue.empty()) SchedulePump(stream, false, scheduler_->now() + Delay());
  FreeIfDone(stream);
}

void Network::ClearLane(Lane* lane) {
  for (const Lane::Waiting& waiting : lane->queue) packets_->Free(waiting.packet);
  lane->queue.clear();
}

void Network::Break(Stream* stream) {
  stream->broken = true;
  for (const bool up : {true, false}) {
    Lane& lane = up ? stream->up : stream->down;
    ClearLane(&lane);
    lane.ends = true;
    SchedulePump(stream, up, scheduler_->now() + Delay() * random_->Between(0, 8));
  }
}

void Network::BreakSome(uint32_t per_million) {
  for (Stream& stream : streams_) {
    if (stream.handle != 0 && !stream.broken && random_->Chance(per_million)) Break(&stream);
  }
}

void Network::NodeStopped(uint8_t node, bool loud) {
  for (Stream& stream : streams_) {
    if (stream.handle == 0 || (stream.follower != node && stream.leader != node)) continue;
    const bool up = stream.follower == node;
    (up ? stream.follower_open : stream.leader_open) = false;
    Lane& out = up ? stream.up : stream.down;
    if (!loud) {
      ClearLane(&out);
      FreeIfDone(&stream);
      continue;
    }
    if (random_->Coin()) ClearLane(&out);
    out.ends = true;
    if (out.queue.empty()) SchedulePump(&stream, up, scheduler_->now() + Delay());
  }
}

void Network::Heal() {
  cut_ = {};
  clogged_until_ = {};
}

void Network::FreeIfDone(Stream* stream) {
  const bool leader_may_open = !stream->leader_seen && !stream->up.queue.empty();
  if (stream->follower_open || stream->leader_open || leader_may_open) return;
  if (!stream->up.queue.empty() || !stream->down.queue.empty()) return;
  if (stream->up.pumping || stream->down.pumping) return;
  stream->handle = 0;
}

}  // namespace mom::sim
