#include "tests/sim/full/full_world.h"

#include <algorithm>
#include <utility>

#include "tests/sim/violation.h"

namespace mom::sim {

FullWorld::FullWorld(const FullPlan& plan, uint64_t seed, std::FILE* trace)
    : plan_(plan), random_(seed), trace_(trace) {
  std::vector<quorum::ReplicaKey> keys;
  for (uint32_t i = 1; i <= plan.voters; ++i) keys.push_back({NodeId{i}, Uuid{i, 1}});
  const quorum::VoterSet voters(keys);
  for (uint32_t i = 1; i <= plan.voters + plan.spares; ++i) {
    nodes_.push_back(std::make_unique<FullNode>(this, NodeId{i}, Uuid{i, 1}, voters));
  }
}

FullNode* FullWorld::FindLeader() {
  FullNode* leader = nullptr;
  for (const auto& node : nodes_) {
    if (!node->is_up() || node->is_paused() || node->quorum().role() != quorum::Role::kLeader) continue;
    if (leader == nullptr || node->quorum().epoch() > leader->quorum().epoch()) leader = node.get();
  }
  return leader;
}

void FullWorld::In(int64_t ns, std::function<void()> task) {
  tasks_.push_back(Task{now_ + std::max<int64_t>(ns, 0), next_order_++, std::move(task)});
  std::push_heap(tasks_.begin(), tasks_.end(),
                 [](const Task& x, const Task& y) { return x.at != y.at ? x.at > y.at : x.order > y.order; });
}

void FullWorld::RunOne() {
  SIM_ASSERT(!tasks_.empty());
  std::pop_heap(tasks_.begin(), tasks_.end(),
                [](const Task& x, const Task& y) { return x.at != y.at ? x.at > y.at : x.order > y.order; });
  Task task = std::move(tasks_.back());
  tasks_.pop_back();
  now_ = task.at;
  ++events_;
  Mix(static_cast<uint64_t>(now_) ^ (task.order << 40));
  task.run();
}

void FullWorld::Say(const std::string& text) {
  if (trace_ == nullptr) return;
  std::fprintf(trace_, "#%lu %.6f s %s\n", events_, static_cast<double>(now_) / 1e9, text.c_str());
}

void FullWorld::Heal() {
  healthy_ = true;
  cuts_.clear();
}

int64_t FullWorld::Delay() {
  return random_.Between(plan_.delay_ns / 2, plan_.delay_ns * 3 / 2);
}

// ---------------------------------------------------------------------------------------------------------

void FullWorld::SendDatagram(NodeId from, const quorum::Message& message) {
  FullNode* to = Find(message.to);
  if (to == nullptr || IsCut(from, message.to)) return;
  if (!healthy_ && random_.Chance(plan_.loss)) return;
  const int copies = !healthy_ && random_.Chance(plan_.duplicate) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    In(Delay(), [this, to, from, message] {
      if (IsCut(from, to->id())) return;
      to->Do([message](replication::ReplicaDriver* driver) { driver->OnMessage(message, {}); });
    });
  }
}

FullWorld::StreamPtr FullWorld::AtFollower(NodeId follower, quorum::SessionId session) {
  for (const StreamPtr& stream : streams_) {
    if (stream->follower_open && stream->follower == follower && stream->session == session) return stream;
  }
  return nullptr;
}

FullWorld::StreamPtr FullWorld::AtLeader(NodeId leader, NodeId follower, quorum::SessionId session) {
  for (const StreamPtr& stream : streams_) {
    if (stream->leader_open && stream->leader == leader && stream->follower == follower &&
        stream->session == session) {
      return stream;
    }
  }
  return nullptr;
}

void FullWorld::OpenStream(FullNode* follower, const quorum::Message& open) {
  std::erase_if(streams_,
                [](const StreamPtr& stream) { return !stream->follower_open && !stream->leader_open; });
  for (const StreamPtr& old : streams_) {
    if (old->follower != follower->id() || !old->follower_open) continue;
    old->follower_open = false;
    EndLeader(old);
  }
  auto stream = std::make_shared<FullStream>();
  stream->follower = follower->id();
  stream->leader = open.to;
  stream->follower_life = follower->life();
  stream->session = std::get<quorum::FetchRequest>(open.body).session;
  streams_.push_back(stream);
  FullNode* leader = Find(open.to);
  // Nobody listens there: refused at once. Nothing answers: noticed later.
  if (leader == nullptr || !leader->is_up()) return In(Delay(), [this, stream] { EndFollower(stream); });
  SendUp(follower, open);
}

void FullWorld::SendUp(FullNode* follower, const quorum::Message& request) {
  const StreamPtr stream = AtFollower(follower->id(), std::get<quorum::FetchRequest>(request.body).session);
  if (!stream || stream->broken) return;
  if (IsCut(stream->follower, stream->leader) || (!healthy_ && random_.Chance(plan_.break_stream))) {
    return Break(stream);
  }
  stream->up_at = std::max(stream->up_at, now_ + Delay());
  In(stream->up_at - now_, [this, stream, request] { DeliverUp(stream, request); });
}

void FullWorld::DeliverUp(const StreamPtr& stream, const quorum::Message& request) {
  FullNode* leader = Find(stream->leader);
  if (stream->broken || !leader->is_up()) return;
  if (IsCut(stream->follower, stream->leader)) return Break(stream);
  const auto& fetch = std::get<quorum::FetchRequest>(request.body);
  if (fetch.open && stream->leader_life == 0) {
    stream->leader_open = true;
    stream->leader_life = leader->life();
  }
  if (!stream->leader_open || stream->leader_life != leader->life()) return;
  leader->Do([request](replication::ReplicaDriver* driver) { driver->OnMessage(request, {}); });
}

void FullWorld::SendDown(FullNode* leader, const quorum::Message& reply, std::vector<Entry> entries,
                         bool last) {
  const auto& body = std::get<quorum::FetchReply>(reply.body);
  const StreamPtr stream = AtLeader(leader->id(), reply.to, body.session);
  if (!stream) return;
  if (last) stream->leader_open = false;
  if (stream->broken) return;
  if (IsCut(stream->leader, stream->follower) || (!healthy_ && random_.Chance(plan_.break_stream))) {
    return Break(stream);
  }
  if (!last) {
    const auto& frame = std::get<quorum::Frame>(body.body);
    uint64_t bytes = 0;
    for (const Entry& entry : entries) bytes += entry.bytes().size();
    const Offset end = frame.base + Count{entries.size()};
    leader->After(Delay() / 4, [leader, peer = reply.to, session = body.session, end, bytes] {
      leader->driver_->OnFrameSent(peer, session, end, bytes);
    });
  }
  stream->down_at = std::max(stream->down_at, now_ + Delay());
  In(stream->down_at - now_, [this, stream, reply, entries = std::move(entries), last] {
    DeliverDown(stream, reply, entries, last);
  });
}

void FullWorld::DeliverDown(const StreamPtr& stream, const quorum::Message& reply,
                            const std::vector<Entry>& entries, bool last) {
  FullNode* follower = Find(stream->follower);
  if (stream->broken || !stream->follower_open || follower->life() != stream->follower_life) return;
  if (IsCut(stream->leader, stream->follower)) return Break(stream);
  follower->Do([reply, entries](replication::ReplicaDriver* driver) { driver->OnMessage(reply, entries); });
  if (last) EndFollower(stream);
}

// Nothing arrives any more. Both sides learn of it, one perhaps much later.
void FullWorld::Break(const StreamPtr& stream) {
  stream->broken = true;
  ++coverage_.streams_broken;
  const int64_t late = random_.Coin() ? Delay() : plan_.options.fetch_timeout_ns() * 4;
  In(late, [this, stream] { EndFollower(stream); });
  In(late + Delay(), [this, stream] { EndLeader(stream); });
}

void FullWorld::EndFollower(const StreamPtr& stream) {
  FullNode* node = Find(stream->follower);
  if (!std::exchange(stream->follower_open, false) || node->life() != stream->follower_life) return;
  node->Do([peer = stream->leader, session = stream->session](replication::ReplicaDriver* driver) {
    driver->OnStreamClosed(peer, session);
  });
}

void FullWorld::EndLeader(const StreamPtr& stream) {
  FullNode* node = Find(stream->leader);
  if (!std::exchange(stream->leader_open, false) || node->life() != stream->leader_life) return;
  node->Do([peer = stream->follower, session = stream->session](replication::ReplicaDriver* driver) {
    driver->OnStreamClosed(peer, session);
  });
}

// The one who closes is not told; the other side is, soon.
void FullWorld::CloseStream(FullNode* node, NodeId peer, quorum::SessionId session) {
  StreamPtr stream = AtFollower(node->id(), session);
  if (stream && stream->leader == peer) {
    stream->follower_open = false;
    return In(Delay(), [this, stream] { EndLeader(stream); });
  }
  stream = AtLeader(node->id(), peer, session);
  if (!stream) return;
  stream->leader_open = false;
  In(std::max<int64_t>(stream->down_at - now_, 0) + Delay(), [this, stream] { EndFollower(stream); });
}

// A process that ends closes its connections; a machine without power does not.
void FullWorld::OnNodeDown(FullNode* node, bool noticed) {
  for (const StreamPtr& stream : streams_) {
    const bool of_follower = stream->follower == node->id() && stream->follower_open;
    const bool of_leader = stream->leader == node->id() && stream->leader_open;
    if (!of_follower && !of_leader) continue;
    stream->broken = true;
    (of_follower ? stream->follower_open : stream->leader_open) = false;
    if (of_follower && of_leader) continue;
    const int64_t late = noticed || healthy_ ? Delay() : plan_.options.fetch_timeout_ns() * 4;
    In(late, [this, stream, of_follower] { of_follower ? EndLeader(stream) : EndFollower(stream); });
  }
}

}  // namespace mom::sim
