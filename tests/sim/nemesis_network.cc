// Faults of the network, and messages of somebody who lies.
#include <algorithm>

#include "tests/sim/nemesis.h"

namespace mom::sim {

// Which links are cut, by the shape of the partition.
void Nemesis::Partition() {
  ++cluster_->coverage()->partitions;
  Network* network = cluster_->network();
  network->Heal();
  const auto count = static_cast<uint8_t>(cluster_->nodes().size());
  const uint64_t shape = random_->Below(6);
  const uint64_t halves = random_->Next();
  Node* leader = cluster_->FindLeader();
  const uint8_t one = leader != nullptr ? leader->index : AnyNode()->index;
  for (uint8_t from = 0; from < count; ++from) {
    for (uint8_t to = 0; to < count; ++to) {
      if (from == to) continue;
      const bool from_side = ((halves >> from) & 1) != 0;
      const bool to_side = ((halves >> to) & 1) != 0;
      const int distance = (to - from + count) % count;
      bool cut = false;
      if (shape == 0) cut = from_side != to_side;                                 // Two halves.
      if (shape == 1) cut = from_side && !to_side;                                // Only one way.
      if (shape == 2) cut = distance != 1 && distance != count - 1;               // A ring.
      if (shape == 3) cut = from_side != to_side && from != one && to != one;     // A bridge sees both.
      if (shape == 4) cut = from == one || to == one;                             // The leader alone.
      if (shape == 5) cut = ((halves >> 32) & 1) != 0 ? from == one : to == one;  // It is deaf, or mute.
      network->Cut(from, to, cut);
    }
  }
  if (cluster_->trace()->is_text()) cluster_->Say("fault: partition of shape " + std::to_string(shape));
  cluster_->scheduler()->In(
      Duration(8),
      Event{.a = 0 /* kPartitionEnds */, .b = static_cast<uint32_t>(++partition_), .what = What::kFaultEnds});
}

// Nothing is lost, but all of it comes late and at once.
void Nemesis::ClogLink() {
  const uint8_t from = AnyNode()->index;
  const uint8_t to = AnyNode()->index;
  if (from == to) return;
  cluster_->network()->Clog(from, to, cluster_->scheduler()->now() + Duration(3));
}

void Nemesis::BreakStreams() {
  cluster_->network()->BreakSome(static_cast<uint32_t>(random_->Below(1'000'000)));
}

// A peer that lies, within bounds: a stranger says what it likes except that it leads, as an elected leader
// is believed by design; a member's name is only used for what no member could say.
void Nemesis::Lie() {
  Node* node = AnyUp();
  if (node == nullptr || node->paused_until > cluster_->scheduler()->now()) return;
  ++cluster_->coverage()->lies;
  const Epoch epoch{node->core->epoch().value + static_cast<uint32_t>(random_->Below(3))};
  const Offset end{random_->Below(node->disk->end().value + 4)};
  const Epoch last{static_cast<uint32_t>(random_->Below(epoch.value + 1))};
  const quorum::SessionId session{1 + random_->Below(1000)};
  const Epoch old{static_cast<uint32_t>(random_->Below(node->core->epoch().value + 1))};

  quorum::Message message;
  message.from = cluster_->cluster_identity();
  message.from.node = NodeId{90};
  message.from.disk = Uuid{9, 1 + random_->Below(2)};
  message.to = node->id();
  switch (random_->Below(9)) {
    case 0:
      message.body = quorum::VoteRequest{epoch, random_->Coin(), random_->Below(3), last, end};
      break;
    case 1:
      message.body =
          quorum::VoteReply{epoch, NodeId{}, random_->Coin(), random_->Below(50), quorum::Refusal::kNone};
      break;
    case 2:
      message.body = quorum::FetchRequest{epoch, session, random_->Coin(), end, last, end, random_->Below(9)};
      break;
    case 3:
      message.body = quorum::EndEpoch{epoch, {node->id()}};
      break;
    case 4:
      message.body = quorum::HandOver{epoch};
      break;
    case 5:
      message.body = quorum::EpochReply{epoch, NodeId{90}, quorum::Refusal::kNotLeader};
      break;
    case 6:  // A leader that nobody knows, of a stream that nobody opened.
      message.body = quorum::FetchReply{epoch, NodeId{90}, session, end, quorum::EpochEnd{last, Offset{}}};
      break;
    case 7:  // Of another cluster.
      message.from.cluster = Uuid{8, 8};
      message.from.node = AnyNode()->id();
      message.body = quorum::BeginEpoch{epoch};
      break;
    default:  // Numbers that do not exist, in a member's name.
      message.from = cluster_->cluster_identity();
      message.from.node = AnyNode()->id();
      message.from.disk = cluster_->nodes()[message.from.node.value - 1]->disk->id();
      if (random_->Coin()) {
        message.body = quorum::BeginEpoch{Epoch{UINT32_MAX}};
      } else {
        message.body = quorum::VoteRequest{old, false, 0, Epoch{old.value + 1}, end};
      }
  }
  cluster_->Step(node, quorum::Received{message});
}

}  // namespace mom::sim
