// Random histories of a small cluster: messages lost, repeated and reordered, crashes, slow disks, cuts.
// Goal: no invariant breaks (I1-I17 inside of Step, those of a cluster in World), and after healing there is
// a leader that commits on all. Method: one seed, one history; the seed is printed when it fails.
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/base/random.h"
#include "tests/core/quorum/world.h"

namespace mom::quorum {
namespace {

class History {
 public:
  History(uint32_t nodes, uint64_t seed)
      : random_(seed), world_(nodes, seed), changes_voters_(seed % 3 != 0) {
    world_.options.window_entries_max = 8;
    world_.options.window_bytes_max = 1000;
    world_.options.frame_bytes_max = 300;
    world_.options.catch_up_entries_max = 4;
    for (uint32_t id = 1; id <= nodes; ++id) world_.Start(id);
    next_node_ = nodes + 1;
  }

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) RandomStep();
  }

  // Everything is up and connected and every message arrives: commits must go on and logs meet.
  void HealAndCheck() {
    for (const auto& [a, x] : world_.nodes()) {
      for (const auto& [b, y] : world_.nodes()) world_.Cut(a, b, false);
    }
    for (const auto& [id, n] : world_.nodes()) {
      if (!n->core) world_.Start(id);
    }
    const int64_t begin = world_.now().ns;
    while (world_.now().ns < begin + 60'000'000'000) {
      Settle();
      if (Agreed()) return;
      NextTick();
    }
    for (const auto& [id, n] : world_.nodes()) {
      ADD_FAILURE() << id << ": role " << n->core->role() << " epoch " << n->core->epoch() << " end "
                    << n->core->log_end() << " durable " << n->core->durable_end() << " committed "
                    << n->core->committed_end() << " voters " << n->core->voters() << " leader "
                    << n->core->leader() << " damaged " << n->core->damaged() << " session "
                    << n->core->following().session;
    }
  }

  World& world() { return world_; }

 private:
  uint64_t Below(uint64_t n) { return random_.Next() % n; }

  uint32_t AnyNode() {
    auto it = world_.nodes().begin();
    std::advance(it, static_cast<std::ptrdiff_t>(Below(world_.nodes().size())));
    return it->first;
  }

  void DeliverOne(bool may_lose) {
    std::vector<std::pair<uint32_t, uint32_t>> full;
    for (const auto& [pair, link] : world_.links()) {
      if (!link.empty()) full.push_back(pair);
    }
    if (full.empty()) return;
    const auto [from, to] = full[Below(full.size())];
    auto& link = world_.links()[{from, to}];
    size_t index = Below(4) == 0 ? Below(link.size()) : 0;
    // Streams keep their order and lose nothing; the rest does as it likes.
    if (link[index].is_stream()) {
      index = 0;
      while (!link[index].is_stream()) ++index;
      return world_.Deliver(from, to, index, false);
    }
    if (may_lose && Below(20) == 0) {
      const Packet copy = link[index];
      link.push_back(copy);
    }
    world_.Deliver(from, to, index, may_lose && Below(20) == 0);
  }

  void NextTick() {
    uint32_t first = 0;
    Instant at = kNever;
    for (const auto& [id, n] : world_.nodes()) {
      if (n->core && n->wake_at < at) {
        at = n->wake_at;
        first = id;
      }
    }
    if (first == 0) return;
    if (at > world_.now()) world_.Advance(at.ns - world_.now().ns);
    world_.Do(first, Tick{});
  }

  void PersistSome(uint32_t id) {
    Node& n = world_.node(id);
    if (!n.core || n.synced == n.log_end()) return;
    world_.Persist(id, n.synced + Count{1 + Below((n.log_end() - n.synced).value)});
  }

  void Settle() {
    for (int i = 0; i < 100'000; ++i) {
      bool busy = false;
      for (const auto& [pair, link] : world_.links()) {
        if (link.empty()) continue;
        busy = true;
        world_.Deliver(pair.first, pair.second, 0, false);
        break;
      }
      for (const auto& [id, n] : world_.nodes()) {
        if (n->snapshot_wanted) world_.OfferSnapshot(id);
        if (n->pulling || n->installing) {
          busy = true;
          world_.FinishSnapshot(id);
        }
        if (n->synced == n->log_end()) continue;
        busy = true;
        world_.Persist(id, n->log_end());
      }
      if (!busy) return;
    }
    FAIL() << "never quiet";
  }

  bool Agreed() {
    const uint32_t leader = world_.Leader();
    if (leader == 0) return false;
    const Quorum& core = *world_.node(leader).core;
    if (core.committed_end() != core.log_end()) return false;
    for (const auto& [id, n] : world_.nodes()) {
      if (n->core->committed_end() != core.committed_end() || n->core->damaged()) return false;
      if (id != leader && n->core->leader().value != leader) return false;
    }
    return true;
  }

  void ChangeSomething(uint32_t id) {
    Node& n = world_.node(id);
    if (!n.core) return;
    const uint32_t other = AnyNode();
    switch (Below(5)) {
      case 0:
        if (!changes_voters_) return;
        return world_.Do(id, ChangeVoters{1, Below(2) == 0, world_.node(other).key()});
      case 1:
        return world_.Do(id, TransferLeadership{2, NodeId{Below(2) == 0 ? other : 0}});
      case 2:
        return world_.Do(id, ResignAsked{});
      case 3:
        if (world_.nodes().size() >= 6) return;
        world_.AddNode(NodeId{next_node_}, Uuid{0, 10 * next_node_}, n.core->voters());
        return world_.Start(next_node_++);
      default:
        if (n.applied <= n.log_start || n.installing) return;
        world_.OfferSnapshot(id);
        return Below(2) == 0 ? world_.DropPrefix(id) : void();
    }
  }

  // At most one damaged disk at a time, as a minority may be.
  void DamageSome(uint32_t id) {
    Node& n = world_.node(id);
    if (changes_voters_) return;
    for (const auto& [other, m] : world_.nodes()) {
      if (m->damaged || (!m->core && other != id)) return;
      if (m->core && m->core->voters().size() < 3) return;  // The rest could not elect.
    }
    if (n.core || n.log_end() == n.applied) return;
    world_.Damage(id, n.applied + Count{Below((n.log_end() - n.applied).value)});
  }

  void RandomStep() {
    const uint32_t id = AnyNode();
    const uint64_t what = Below(1000);
    if (what < 500) return DeliverOne(true);
    if (what < 680) return PersistSome(id);
    if (what < 780) return world_.Do(id, Proposed{static_cast<uint32_t>(1 + Below(3))});
    if (what < 850) return NextTick();
    if (what < 900) return world_.Advance(static_cast<int64_t>(Below(200'000'000)));
    if (what < 930) return world_.FinishSnapshot(id);
    if (what < 940) return world_.Cut(id, AnyNode(), Below(3) == 0);
    if (what < 950) return world_.node(id).core ? world_.Crash(id, Below(2) == 0) : world_.Start(id);
    if (what < 970) return world_.node(id).core ? void() : world_.Start(id);
    if (what < 975) return DamageSome(id);
    if (what < 985) return ChangeSomething(id);
    if (what < 995) return world_.Do(id, ReadRequested{++next_read_});
    if (Below(2) == 0 && world_.node(id).core && world_.node(id).core->following().session != SessionId{}) {
      return world_.Do(
          id, StreamClosed{world_.node(id).core->leader(), world_.node(id).core->following().session});
    }
  }

  SplitMix64 random_;
  World world_;
  const bool changes_voters_;  // Else disks are damaged: both at once may leave no majority.
  uint32_t next_node_;
  uint64_t next_read_ = 0;
};

uint64_t Runs() {
  const char* text = std::getenv("MOM_QUORUM_SEEDS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 300;
}

class RandomHistories : public testing::TestWithParam<uint32_t> {};

TEST_P(RandomHistories, KeepTheInvariantsAndHeal) {
  uint64_t commits = 0;
  for (uint64_t seed = 1; seed <= Runs(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    if (std::getenv("MOM_QUORUM_TRACE") != nullptr)
      std::fprintf(stderr, "nodes %u seed %lu\n", GetParam(), seed);
    History history(GetParam(), seed);
    history.Run(3000);
    history.HealAndCheck();
    commits += history.world().commits();
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(commits, Runs() * 20);  // Else nothing was tested.
}

INSTANTIATE_TEST_SUITE_P(Sizes, RandomHistories, testing::Values(2u, 3u, 5u));

}  // namespace
}  // namespace mom::quorum
