#include "tests/core/quorum/fuzz_driver.h"

#include <algorithm>
#include <cstdlib>

namespace mom::quorum {
namespace {

constexpr Uuid kCluster{0, 99};

ReplicaKey Key(uint32_t node) {
  return ReplicaKey{NodeId{node}, Uuid{0, 10 * node}};
}

Options FuzzOptions() {
  Options options;
  options.self = Identity{kCluster, NodeId{1}, Key(1).disk};
  options.window_entries_max = 8;
  options.window_bytes_max = 800;
  options.observers_max = 2;
  options.reads_max = 4;
  options.catch_up_entries_max = 8;
  return options;
}

// The first byte: how many voters, whether this replica is one of them, whether its log is damaged.
Restored FuzzRestored(uint8_t first) {
  Restored restored;
  std::vector<ReplicaKey> voters;
  for (uint32_t node = (first & 8) != 0 ? 2 : 1; node <= 1u + first % 4; ++node) voters.push_back(Key(node));
  if (voters.empty()) voters.push_back(Key(1));
  restored.voters = VoterSet(voters);
  restored.hard_state.epoch = Epoch{3};
  restored.epochs = {{Epoch{1}, Offset{0}}, {Epoch{3}, Offset{4}}};
  restored.log_end = Offset{6};
  restored.committed_end = Offset{2};
  restored.damaged = (first & 16) != 0;
  if ((first & 32) != 0) restored.hard_state.leader = NodeId{1};
  restored.seed = first;
  return restored;
}

}  // namespace

FuzzDriver::Reached& FuzzDriver::reached() {
  static Reached reached;
  return reached;
}

FuzzDriver::FuzzDriver(std::string_view input)
    : input_(input), core_(FuzzOptions(), FuzzRestored(input.empty() ? 2 : static_cast<uint8_t>(input[0]))) {}

void FuzzDriver::Run(std::string_view input) {
  FuzzDriver driver(input);
  driver.Byte();
  driver.Step(Started{});
  while (!driver.input_.empty()) driver.One();
}

uint8_t FuzzDriver::Byte() {
  if (input_.empty()) return 0;
  const auto byte = static_cast<uint8_t>(input_[0]);
  input_.remove_prefix(1);
  return byte;
}

uint64_t FuzzDriver::Below(uint64_t n) {
  return Byte() % n;
}

uint64_t FuzzDriver::Near(uint64_t middle) {
  const uint8_t byte = Byte();
  if (byte < 128) return middle;
  if (byte < 160) return middle + 1;
  if (byte < 180) return middle > 0 ? middle - 1 : 0;
  if (byte < 240) return Below(16);
  if (byte < 250) return middle + Byte();
  return ~uint64_t{0} >> (byte - 250) * 8;
}

void FuzzDriver::Step(const Event& event) {
  Note(core_.Step(now_, event));
  // Due now: a Tick or two at the same time must settle it, or a driver would spin.
  for (int i = 0; i < 3 && core_.wake_at() <= now_; ++i) Note(core_.Step(now_, Tick{}));
  if (core_.wake_at() <= now_) std::abort();
}

void FuzzDriver::Note(const Effects& effects) {
  Reached& r = reached();
  ++r.steps;
  r.led += core_.role() == Role::kLeader ? 1 : 0;
  r.followed += core_.role() == Role::kFollower ? 1 : 0;
  r.committed += effects.committed_end ? 1 : 0;
  r.truncated += effects.truncate_to ? 1 : 0;
  if (effects.pull_snapshot) {
    pulling_ = effects.pull_snapshot->id;
    if (effects.pull_snapshot->abort) pulling_.reset();
  }
  if (effects.install) installing_ = effects.install;
}

void FuzzDriver::One() {
  const uint8_t what = Byte();
  if (what < 140) return Message();
  if (what < 150) return Snapshots(what);
  Local(what);
}

void FuzzDriver::Local(uint8_t what) {
  if (what < 170) {
    now_ = std::max(now_, core_.wake_at() == kNever ? now_ : core_.wake_at());
    return Step(Tick{});
  }
  if (what < 190) return Step(Proposed{static_cast<uint32_t>(Below(4))});
  if (what < 215) {
    const uint64_t left = (core_.log_end() - core_.durable_end()).value;
    return Step(Persisted{core_.durable_end() + Count{left == 0 ? 0 : Below(left + 1)}});
  }
  if (what < 230) {
    for (const Progress& p : core_.progress()) {
      if (!p.write_outstanding) continue;
      const uint64_t room = (p.offered_end - p.offered_begin).value;
      const Offset end = p.offered_begin + Count{room == 0 ? 0 : 1 + Below(room)};
      return Step(FrameSent{p.key.node, p.session, end, (end - p.offered_begin).value * 100});
    }
    return;
  }
  if (what < 235) return Step(StreamClosed{AnyNode(), SessionId{Near(core_.following().session.value)}});
  if (what < 240) return Step(ReadRequested{Byte()});
  if (what < 247) {
    const auto node = static_cast<uint32_t>(Below(6));
    return Step(ChangeVoters{1, Below(2) == 0, ReplicaKey{NodeId{node}, Uuid{0, 10 * node}}});
  }
  if (what < 250) return Step(TransferLeadership{2, AnyNode()});
  if (what < 252) return Step(ResignAsked{});
  now_.ns += int64_t{Byte()} * 10'000'000;
}

void FuzzDriver::Snapshots(uint8_t what) {
  if (installing_) {
    const SnapshotId id = *installing_;
    installing_.reset();
    ++reached().installed;
    return Step(SnapshotInstalled{id});
  }
  if (pulling_ && what < 146) {
    const SnapshotId id = *pulling_;
    if (what == 145) return Step(SnapshotProgress{id, AnyNode(), AnyEpoch()});
    pulling_.reset();
    if (what == 144) return Step(SnapshotFailed{id});
    return Step(SnapshotDownloaded{id, core_.voters()});
  }
  const Offset end = core_.committed_end();
  if (what == 146 && end > core_.log_start()) return Step(LogStartMoved{end});
  if (what == 147) return Step(SnapshotServed{Identity{kCluster, NodeId{2}, Key(2).disk}, AnyEpoch()});
  if (end >= core_.log_start()) Step(SnapshotAvailable{SnapshotId{end, core_.epochs().EpochBefore(end)}});
}

void FuzzDriver::Message() {
  const uint8_t lie = Byte();
  const auto node = static_cast<uint32_t>(lie < 240 ? 2 + lie % 4 : Below(8));
  Identity from{kCluster, NodeId{node}, Key(node).disk};
  if (lie > 250) from.disk.low = Below(3);
  if (lie == 255) from.cluster.low = Below(3);
  Step(Received{mom::quorum::Message{from, NodeId{lie == 254 ? 2u : 1u}, RandomBody()}});
}

Body FuzzDriver::RandomBody() {
  switch (Below(14)) {
    case 0:
    case 1: {
      const bool pre_vote = Below(2) == 0;
      return VoteRequest{AnyEpoch(), pre_vote, Byte(), AnyEpoch(), AnyOffset()};
    }
    case 2:
    case 3: {
      const bool pre_vote = core_.role() == Role::kProspective;
      return VoteReply{AnyEpoch(), AnyNode(), pre_vote, Near(1),
                       static_cast<Refusal>(Below(3) == 0 ? Byte() % 24 : 0)};
    }
    case 4:
      return BeginEpoch{AnyEpoch()};
    case 5:
      return EndEpoch{AnyEpoch(), std::vector<NodeId>(Below(12), AnyNode())};
    case 6:
      return HandOver{AnyEpoch()};
    case 7:
      return EpochReply{AnyEpoch(), AnyNode(), static_cast<Refusal>(Byte() % 24)};
    case 8:
    case 9:
    case 10: {
      SessionId session{Near(1)};
      for (const Progress& p : core_.progress()) {
        if (p.open && Below(2) == 0) session = p.session;
      }
      const bool open = Below(3) == 0;
      return FetchRequest{AnyEpoch(), session, open, AnyOffset(), AnyEpoch(), AnyOffset(), Near(0)};
    }
    default:
      return RandomReply();
  }
}

FetchReply FuzzDriver::RandomReply() {
  FetchReply reply{
      AnyEpoch(), core_.leader(), SessionId{Near(core_.following().session.value)}, AnyOffset(), {}};
  if (Below(4) == 0) reply.leader = AnyNode();
  switch (Below(8)) {
    case 0:
      reply.body = EpochEnd{AnyEpoch(), AnyOffset()};
      break;
    case 1:
      reply.body = SnapshotId{AnyOffset(), AnyEpoch()};
      break;
    case 2:
      reply.body = FetchRefused{static_cast<Refusal>(Byte() % 24), SessionId{Near(0)}};
      break;
    default: {
      Frame frame;
      frame.base = AnyOffset();
      for (uint64_t i = Below(3); i > 0; --i) {
        frame.runs.push_back({AnyEpoch(), static_cast<uint32_t>(Near(2)), Below(2) == 0});
      }
      if (Below(8) == 0) frame.voters.push_back({AnyOffset(), core_.voters()});
      frame.probe = Near(0);
      reply.body = frame;
    }
  }
  return reply;
}

}  // namespace mom::quorum
