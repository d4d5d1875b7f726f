#include "tests/core/quorum/script.h"

#include <stdexcept>
#include <utility>

#include "tests/core/quorum/print.h"

namespace mom::quorum {
namespace {

uint32_t Id(const std::string& word) {
  return static_cast<uint32_t>(std::stoul(word));
}

// "1->2".
std::pair<uint32_t, uint32_t> Arrow(const std::string& word) {
  const size_t at = word.find("->");
  if (at == std::string::npos) throw std::runtime_error("not an arrow: " + word);
  return {Id(word.substr(0, at)), Id(word.substr(at + 2))};
}

// What a long run prints.
bool IsMilestone(const std::string& line) {
  for (const char* what :
       {": becomes ", ": truncate ", ": install ", ": repaired", ": read ", ": request "}) {
    if (line.find(what) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

Script::Script() {
  AddWorldCommands();
  AddNetworkCommands();
  AddRequestCommands();
}

World& Script::world() {
  if (!world_) throw std::runtime_error("the scenario has no nodes yet");
  return *world_;
}

std::string Script::Run(const std::string& text) {
  std::istringstream in(text);
  std::ostringstream out;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('>')) continue;  // Printed anew.
    out << line << '\n';
    std::istringstream split(line.substr(0, line.find('#')));
    Words words;
    for (std::string word; split >> word;) words.push_back(word);
    if (words.empty()) continue;
    const auto command = commands_.find(words[0]);
    if (command == commands_.end()) throw std::runtime_error("unknown command: " + line);
    command->second(words);
    for (const std::string& printed : output_) out << "> " << printed << '\n';
    output_.clear();
  }
  return out.str();
}

void Script::Listen() {
  world_->on_effects = [this](const Node& node, const Effects& effects) {
    for (const std::string& line : Lines(node, effects)) {
      if (!quiet_ || (milestones_ && IsMilestone(line))) Print(line);
    }
  };
}

void Script::AddNodes(uint32_t count) {
  world_ = std::make_unique<World>(count, 1);
  const std::map<std::string, uint32_t*> known = {
      {"window_entries_max", &world_->options.window_entries_max},
      {"window_bytes_max", &world_->options.window_bytes_max},
      {"frame_entries_max", &world_->options.frame_entries_max},
      {"catch_up_entries_max", &world_->options.catch_up_entries_max},
      {"observers_max", &world_->options.observers_max},
      {"reads_max", &world_->options.reads_max}};
  for (const auto& [name, value] : options_) *known.at(name) = value;
  quiet_ = true;
  Listen();
  for (uint32_t id = 1; id <= count; ++id) world_->Start(id);
  quiet_ = false;
}

void Script::AddWorldCommands() {
  commands_["option"] = [this](const Words& w) { options_[w.at(1)] = Id(w.at(2)); };
  commands_["nodes"] = [this](const Words& w) { AddNodes(Id(w.at(1))); };
  commands_["join"] = [this](const Words& w) {
    const VoterSet voters = world().node(1).core ? world().node(1).core->voters() : world().node(1).floor;
    world().AddNode(NodeId{Id(w.at(1))}, Uuid{0, 10 * Id(w.at(1))}, voters);
    world().Start(Id(w.at(1)));
  };
  commands_["start"] = [this](const Words& w) { world().Start(Id(w.at(1))); };
  commands_["stop"] = [this](const Words& w) { world().Crash(Id(w.at(1)), true); };
  commands_["vanish"] = [this](const Words& w) { world().Crash(Id(w.at(1)), false); };
  commands_["damage"] = [this](const Words& w) { world().Damage(Id(w.at(1)), Offset{Id(w.at(2))}); };
  commands_["new-disk"] = [this](const Words& w) {
    const VoterSet voters = world().node(Id(w.at(1))).floor;
    world().AddNode(NodeId{Id(w.at(1))}, Uuid{0, 10 * Id(w.at(1)) + 1}, voters);
  };
  commands_["tick"] = [this](const Words& w) {
    const Node& n = world().node(Id(w.at(1)));
    if (n.wake_at == kNever) throw std::runtime_error("nothing to wake for");
    if (n.wake_at > world().now()) world().Advance(n.wake_at.ns - world().now().ns);
    world().Do(Id(w.at(1)), Tick{});
  };
  commands_["wait"] = [this](const Words& w) { Wait(Id(w.at(1))); };
  commands_["run"] = [this](const Words& w) { RunFor(Id(w.at(1))); };
  commands_["sleep"] = [this](const Words& w) { world().Advance(int64_t{Id(w.at(1))} * 1'000'000); };
  commands_["persist"] = [this](const Words& w) {
    const Node& n = world().node(Id(w.at(1)));
    world().Persist(Id(w.at(1)), w.size() > 2 ? Offset{Id(w.at(2))} : n.log_end());
  };
  commands_["stall"] = [this](const Words& w) { world().node(Id(w.at(1))).stalled = true; };
  commands_["unstall"] = [this](const Words& w) { world().node(Id(w.at(1))).stalled = false; };
  commands_["settle"] = [this](const Words&) { Settle(); };
  commands_["elect"] = [this](const Words& w) { Elect(Id(w.at(1))); };
  commands_["state"] = [this](const Words&) { State(); };
  commands_["quiet"] = [this](const Words&) { quiet_ = true; };
  commands_["loud"] = [this](const Words&) { quiet_ = false; };
}

void Script::AddNetworkCommands() {
  commands_["deliver"] = [this](const Words& w) {
    const auto [from, to] = Arrow(w.at(1));
    auto& link = world().links()[{from, to}];
    if (link.empty()) throw std::runtime_error("nothing to deliver: " + w.at(1));
    size_t count = w.size() > 2 ? (w.at(2) == "all" ? link.size() : Id(w.at(2))) : 1;
    for (; count > 0 && !link.empty(); --count) {
      Print(Text(link.front()));
      world().Deliver(from, to, 0, false);
    }
  };
  commands_["lose"] = [this](const Words& w) {
    const auto [from, to] = Arrow(w.at(1));
    auto& link = world().links()[{from, to}];
    size_t count = w.size() > 2 ? link.size() : 1;
    for (; count > 0; --count) {
      Print("lost " + Text(link.front()));
      world().Deliver(from, to, 0, true);
    }
  };
  commands_["again"] = [this](const Words& w) {  // Repeats the newest packet.
    auto& link = world().links()[Arrow(w.at(1))];
    Packet copy = link.back();
    copy.sent.reset();
    link.push_back(std::move(copy));
  };
  commands_["queue"] = [this](const Words&) {
    for (const auto& [pair, link] : world().links()) {
      for (const Packet& packet : link) Print(Text(packet));
    }
  };
  commands_["cut"] = [this](const Words& w) {
    world().Cut(Id(w.at(1)), Id(w.at(2)), true);
    world().Cut(Id(w.at(2)), Id(w.at(1)), true);
  };
  commands_["cut-one-way"] = [this](const Words& w) {
    const auto [from, to] = Arrow(w.at(1));
    world().Cut(from, to, true);
  };
  commands_["heal"] = [this](const Words&) {
    for (const auto& [a, x] : world().nodes()) {
      for (const auto& [b, y] : world().nodes()) world().Cut(a, b, false);
    }
  };
  commands_["close"] = [this](const Words& w) {  // The first sees that its stream to the second is gone.
    const auto [id, peer] = Arrow(w.at(1));
    world().Do(id, StreamClosed{NodeId{peer}, world().node(id).core->following().session});
  };
  commands_["say"] = [this](const Words& w) { Say(w); };
}

void Script::AddRequestCommands() {
  commands_["propose"] = [this](const Words& w) { world().Do(Id(w.at(1)), Proposed{Id(w.at(2))}); };
  commands_["await"] = [this](const Words& w) { world().node(Id(w.at(1))).waiting = Id(w.at(2)); };
  commands_["read"] = [this](const Words& w) { world().Do(Id(w.at(1)), ReadRequested{Id(w.at(2))}); };
  commands_["resign"] = [this](const Words& w) { world().Do(Id(w.at(1)), ResignAsked{}); };
  commands_["transfer"] = [this](const Words& w) {
    world().Do(Id(w.at(1)), TransferLeadership{8, NodeId{w.size() > 2 ? Id(w.at(2)) : 0}});
  };
  commands_["add"] = [this](const Words& w) {
    const uint64_t disk = Field(w, "disk", 10 * Id(w.at(2)));
    world().Do(Id(w.at(1)), ChangeVoters{7, true, ReplicaKey{NodeId{Id(w.at(2))}, Uuid{0, disk}}});
  };
  commands_["remove"] = [this](const Words& w) {
    const uint64_t disk = Field(w, "disk", 10 * Id(w.at(2)));
    world().Do(Id(w.at(1)), ChangeVoters{7, false, ReplicaKey{NodeId{Id(w.at(2))}, Uuid{0, disk}}});
  };
  commands_["snapshot"] = [this](const Words& w) { world().OfferSnapshot(Id(w.at(1))); };
  commands_["drop-prefix"] = [this](const Words& w) { world().DropPrefix(Id(w.at(1))); };
  commands_["finish-snapshot"] = [this](const Words& w) { world().FinishSnapshot(Id(w.at(1))); };
  const auto epoch = [](const Words& w, const Node& n) {  // The node's own unless said otherwise.
    return Epoch{static_cast<uint32_t>(Field(w, "epoch", n.core->epoch().value))};
  };
  commands_["served"] = [this,
                         epoch](const Words& w) {  // The second pulls a piece of a snapshot from the first.
    const Node& n = world().node(Id(w.at(2)));
    world().Do(Id(w.at(1)), SnapshotServed{world().IdentityOf(n), epoch(w, n)});
  };
  commands_["chunk"] = [this, epoch](const Words& w) {
    const Node& n = world().node(Id(w.at(1)));
    if (!n.pulling) throw std::runtime_error("pulls no snapshot");
    world().Do(Id(w.at(1)), SnapshotProgress{n.pulling->id, n.pulling->from, epoch(w, n)});
  };
}

// Time passes and whoever is due is woken; messages and disks stand still.
void Script::Wait(int64_t ms) {
  const Instant end{world().now().ns + ms * 1'000'000};
  while (true) {
    uint32_t first = 0;
    Instant at = kNever;
    for (const auto& [id, n] : world().nodes()) {
      if (!n->core || n->wake_at >= at) continue;
      at = n->wake_at;
      first = id;
    }
    if (first == 0 || at > end) break;
    if (at > world().now()) world().Advance(at.ns - world().now().ns);
    world().Do(first, Tick{});
  }
  world().Advance(end.ns - world().now().ns);
}

// Time passes with every message delivered and every write durable at once; prints milestones only.
void Script::RunFor(int64_t ms) {
  const bool quiet = std::exchange(quiet_, true);
  milestones_ = true;
  const Instant end{world().now().ns + ms * 1'000'000};
  Settle();
  while (world().now() < end) {
    Wait(10);
    Settle();
  }
  milestones_ = false;
  quiet_ = quiet;
}

// Delivers and persists, without time, until nothing is left to do; prints where everybody stands.
void Script::Settle() {
  const bool quiet = std::exchange(quiet_, true);
  for (int i = 0; i < 100'000; ++i) {
    bool busy = false;
    for (const auto& [pair, link] : world().links()) {
      if (link.empty()) continue;
      busy = true;
      world().Deliver(pair.first, pair.second, 0, false);
      break;
    }
    for (const auto& [id, n] : world().nodes()) {
      if (n->core == nullptr || n->stalled || n->synced == n->log_end()) continue;
      busy = true;
      world().Persist(id, n->log_end());
    }
    if (!busy) break;
  }
  quiet_ = quiet;
  if (!quiet_) State();
}

// Makes a node lead: by transfer; or, cut off from the leader, the others are told that it resigned, and the
// time comes for this node alone.
void Script::Elect(uint32_t id) {
  const bool quiet = std::exchange(quiet_, true);
  if (const uint32_t leader = world().Leader(); leader != 0 && leader != id) {
    const Node& old = world().node(leader);
    if (!world().IsCut(leader, id)) {
      world().Do(leader, TransferLeadership{0, NodeId{id}});
      Settle();
    }
    const EndEpoch notice{old.core->epoch(), {NodeId{id}}};
    for (const auto& [other, n] : world().nodes()) {
      if (world().node(id).core->role() == Role::kLeader) break;
      if (other == leader || other == id || world().IsCut(other, id)) continue;
      world().Hand(other, Message{world().IdentityOf(old), n->id, notice});
    }
    if (world().node(id).core->role() != Role::kLeader) {
      world().Hand(id, Message{world().IdentityOf(old), NodeId{id}, notice});
      Settle();
    }
  }
  for (int i = 0; i < 50 && world().node(id).core->role() != Role::kLeader; ++i) {
    const Node& n = world().node(id);
    if (n.wake_at > world().now()) world().Advance(n.wake_at.ns - world().now().ns);
    world().Do(id, Tick{});
    Settle();
  }
  if (world().node(id).core->role() != Role::kLeader) throw std::runtime_error("cannot be elected");
  quiet_ = quiet;
  if (!quiet_) State();
}

void Script::State() {
  for (const auto& [id, n] : world().nodes()) Print(StateLine(*n));
}

// "say 3->1 vote epoch=4 end=9 last=3": a message that the first never sent. cluster=, disk= and to= lie
// about the identity.
void Script::Say(const Words& words) {
  const auto [from, to] = Arrow(words.at(1));
  const auto known = world().nodes().find(from);
  Identity identity{Uuid{0, 99}, NodeId{from}, Uuid{0, 10 * from}};
  if (known != world().nodes().end()) identity = world().IdentityOf(*known->second);
  identity.cluster.low = Field(words, "cluster", identity.cluster.low);
  identity.disk.low = Field(words, "disk", identity.disk.low);
  const NodeId addressed{static_cast<uint32_t>(Field(words, "to", to))};
  world().Hand(to, Message{identity, addressed, ParseBody(words)});
}

}  // namespace mom::quorum
