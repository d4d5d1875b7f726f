// The scenarios: each does one kind of harm again and again until its time is over.
#include "tests/cluster/nemesis.h"

namespace mom::cluster {
namespace {

constexpr uint32_t kReadyMs = 15'000;
constexpr uint32_t kCalmMs = 400;       // Between two faults.
constexpr uint32_t kSilenceMs = 3'500;  // Longer than a leader may be silent.

void Calm(Nemesis& nemesis) {
  nemesis.WaitReady(kReadyMs);
  nemesis.Sleep(kCalmMs);
}

void KillLeader(Nemesis& nemesis) {
  while (!nemesis.over()) {
    const uint32_t node = nemesis.Leader();
    nemesis.Kill(node);
    nemesis.Sleep(100 + static_cast<uint32_t>(nemesis.Random(500)));
    nemesis.Start(node);
    Calm(nemesis);
  }
}

void KillFollower(Nemesis& nemesis) {
  while (!nemesis.over()) {
    const uint32_t node = nemesis.Follower();
    nemesis.Kill(node);
    nemesis.Sleep(100 + static_cast<uint32_t>(nemesis.Random(1000)));
    nemesis.Start(node);
    Calm(nemesis);
  }
}

// Also while the last one is still coming back, so that there may be no majority.
void KillAny(Nemesis& nemesis) {
  while (!nemesis.over()) {
    const uint32_t node = nemesis.Any();
    nemesis.Kill(node);
    nemesis.Sleep(static_cast<uint32_t>(nemesis.Random(300)));
    nemesis.Start(node);
    nemesis.Sleep(static_cast<uint32_t>(nemesis.Random(700)));
  }
}

void KillAll(Nemesis& nemesis) {
  while (!nemesis.over()) {
    nemesis.Leader();
    for (uint32_t id = 1; id <= nemesis.size(); ++id) nemesis.Kill(id);
    nemesis.Sleep(100);
    for (uint32_t id = 1; id <= nemesis.size(); ++id) nemesis.Start(id);
    Calm(nemesis);
    nemesis.Sleep(700);
  }
}

void KillMinority(Nemesis& nemesis) {
  while (!nemesis.over()) {
    std::vector<uint32_t> nodes = {nemesis.Leader()};
    for (uint32_t other : nemesis.Others(nodes[0])) {
      if (nodes.size() < (nemesis.size() - 1) / 2) nodes.push_back(other);
    }
    for (uint32_t node : nodes) nemesis.Kill(node);
    nemesis.Sleep(500);
    for (uint32_t node : nodes) nemesis.Start(node);
    Calm(nemesis);
  }
}

void PauseLeader(Nemesis& nemesis) {
  while (!nemesis.over()) {
    const uint32_t node = nemesis.Leader();
    nemesis.Pause(node);
    nemesis.Sleep(kSilenceMs);
    nemesis.Resume(node);
    Calm(nemesis);
  }
}

// A silent leader is killed, before or after there is another one, and comes back.
void KillPaused(Nemesis& nemesis) {
  while (!nemesis.over()) {
    const uint32_t node = nemesis.Leader();
    nemesis.Pause(node);
    nemesis.Sleep(500 + static_cast<uint32_t>(nemesis.Random(kSilenceMs)));
    nemesis.Kill(node);
    nemesis.Start(node);
    Calm(nemesis);
  }
}

void PauseFollower(Nemesis& nemesis) {
  while (!nemesis.over()) {
    const uint32_t node = nemesis.Follower();
    nemesis.Pause(node);
    nemesis.Sleep(500 + static_cast<uint32_t>(nemesis.Random(3000)));
    nemesis.Resume(node);
    Calm(nemesis);
  }
}

// Short pauses of anybody: late answers, but mostly no new leader.
void Stutter(Nemesis& nemesis) {
  while (!nemesis.over()) {
    const uint32_t node = nemesis.Any();
    nemesis.Pause(node);
    nemesis.Sleep(50 + static_cast<uint32_t>(nemesis.Random(300)));
    nemesis.Resume(node);
    nemesis.Sleep(static_cast<uint32_t>(nemesis.Random(200)));
  }
}

void RollingRestart(Nemesis& nemesis) {
  while (!nemesis.over()) {
    for (uint32_t id = 1; id <= nemesis.size() && !nemesis.over(); ++id) {
      nemesis.Leader();
      nemesis.Restart(id);
      Calm(nemesis);
    }
  }
}

void DamageFollower(Nemesis& nemesis) {
  while (!nemesis.over()) {
    const uint32_t node = nemesis.Follower();
    nemesis.Kill(node);
    nemesis.Damage(node);
    nemesis.Start(node);
    nemesis.WaitEqual(kReadyMs);  // Two damaged nodes of three are more than is survived.
    Calm(nemesis);
  }
}

void DamageLeader(Nemesis& nemesis) {
  while (!nemesis.over()) {
    const uint32_t node = nemesis.Leader();
    nemesis.Kill(node);
    nemesis.Damage(node);
    nemesis.Start(node);
    nemesis.WaitEqual(kReadyMs);  // Two damaged nodes of three are more than is survived.
    Calm(nemesis);
  }
}

// What a node had made durable is gone again: its disk lied.
void TornTail(Nemesis& nemesis) {
  while (!nemesis.over()) {
    const uint32_t node = nemesis.Random(2) == 0 ? nemesis.Leader() : nemesis.Follower();
    nemesis.Kill(node);
    nemesis.TearTail(node);
    nemesis.Start(node);
    nemesis.WaitEqual(kReadyMs);
    Calm(nemesis);
  }
}

// One after the other, each only when the last one says that it is ready: never without a majority.
void KillInTurn(Nemesis& nemesis) {
  while (!nemesis.over()) {
    for (uint32_t id = 1; id <= nemesis.size() && !nemesis.over(); ++id) {
      nemesis.Leader();
      nemesis.Kill(id);
      nemesis.Start(id);
      nemesis.WaitReady(kReadyMs);
    }
  }
}

void PauseAll(Nemesis& nemesis) {
  while (!nemesis.over()) {
    nemesis.Leader();
    for (uint32_t id = 1; id <= nemesis.size(); ++id) nemesis.Pause(id);
    nemesis.Sleep(200 + static_cast<uint32_t>(nemesis.Random(3500)));
    for (uint32_t id = 1; id <= nemesis.size(); ++id) nemesis.Resume(id);
    Calm(nemesis);
    nemesis.Sleep(500);
  }
}

// Holds what `start` began, then heals.
void Network(Nemesis& nemesis, uint32_t ms) {
  nemesis.Sleep(ms);
  nemesis.HealNetwork();
  Calm(nemesis);
}

void IsolateLeader(Nemesis& nemesis) {
  while (!nemesis.over()) {
    const uint32_t node = nemesis.Leader();
    nemesis.CutFrom(node);
    nemesis.CutTo(node);
    Network(nemesis, kSilenceMs);
  }
}

void IsolateFollower(Nemesis& nemesis) {
  while (!nemesis.over()) {
    const uint32_t node = nemesis.Follower();
    nemesis.CutFrom(node);
    nemesis.CutTo(node);
    Network(nemesis, kSilenceMs);
  }
}

void MuteLeader(Nemesis& nemesis) {
  while (!nemesis.over()) {
    nemesis.CutFrom(nemesis.Leader());
    Network(nemesis, kSilenceMs);
  }
}

void DeafLeader(Nemesis& nemesis) {
  while (!nemesis.over()) {
    nemesis.CutTo(nemesis.Leader());
    Network(nemesis, kSilenceMs + 1000);
  }
}

void OneWayFollower(Nemesis& nemesis) {
  while (!nemesis.over()) {
    const uint32_t node = nemesis.Follower();
    if (nemesis.Random(2) == 0) {
      nemesis.CutFrom(node);
    } else {
      nemesis.CutTo(node);
    }
    Network(nemesis, kSilenceMs);
  }
}

// Two nodes cannot talk to each other but both to the rest.
void Bridge(Nemesis& nemesis) {
  while (!nemesis.over()) {
    const uint32_t leader = nemesis.Leader();
    nemesis.CutBetween(leader, nemesis.Others(leader)[nemesis.Random(nemesis.size() - 1)]);
    Network(nemesis, kSilenceMs);
  }
}

void Resets(Nemesis& nemesis) {
  while (!nemesis.over()) {
    nemesis.ResetAround(nemesis.Random(2) == 0 ? nemesis.Leader() : nemesis.Any());
    nemesis.Sleep(100 + static_cast<uint32_t>(nemesis.Random(900)));
  }
}

void Slow(Nemesis& nemesis) {
  while (!nemesis.over()) {
    nemesis.DelayAround(nemesis.Random(2) == 0 ? nemesis.Leader() : nemesis.Any(),
                        5 + static_cast<uint32_t>(nemesis.Random(100)));
    Network(nemesis, 2000);
  }
}

void Drip(Nemesis& nemesis) {
  while (!nemesis.over()) {
    nemesis.DripFrom(nemesis.Random(2) == 0 ? nemesis.Leader() : nemesis.Any(),
                     1000 + static_cast<uint32_t>(nemesis.Random(20'000)));
    Network(nemesis, 3000);
  }
}

void Flapping(Nemesis& nemesis) {
  while (!nemesis.over()) {
    const uint32_t node = nemesis.Leader();
    nemesis.CutFrom(node);
    if (nemesis.Random(2) == 0) nemesis.CutTo(node);
    nemesis.Sleep(200 + static_cast<uint32_t>(nemesis.Random(2500)));
    nemesis.HealNetwork();
    nemesis.Sleep(static_cast<uint32_t>(nemesis.Random(400)));
  }
}

void KillLeadersIsolatedFor(Nemesis& nemesis, uint32_t ms_max) {
  while (!nemesis.over()) {
    const uint32_t node = nemesis.Leader();
    nemesis.CutFrom(node);
    nemesis.CutTo(node);
    nemesis.Sleep(500 + static_cast<uint32_t>(nemesis.Random(ms_max - 500)));
    nemesis.Kill(node);
    nemesis.HealNetwork();
    nemesis.Start(node);
    Calm(nemesis);
  }
}

// A cut leader is killed before it hears of its successor, or before there is one.
void KillIsolated(Nemesis& nemesis) {
  KillLeadersIsolatedFor(nemesis, kSilenceMs + 500);
}

// Likewise, and its connections seem to live on, also some that the others make while it is cut.
void HalfOpen(Nemesis& nemesis) {
  nemesis.HideEnds();
  KillLeadersIsolatedFor(nemesis, 2 * kSilenceMs);
}

// Nodes are away until the log begins behind their end. While one of them loads a snapshot, it or the one
// that hands it over is killed, or the links to it are slow.
void Snapshots(Nemesis& nemesis) {
  while (!nemesis.over()) {
    const uint32_t leader = nemesis.Leader();
    const std::vector<uint32_t> others = nemesis.Others(leader);
    const uint32_t node = others[nemesis.Random(others.size())];
    const uint64_t log_end = nemesis.LogEnd(node);
    if (log_end == UINT64_MAX) continue;
    nemesis.Kill(node);
    nemesis.WaitBehindLog(log_end);
    const uint64_t harm = nemesis.Random(4);
    if (harm == 0) nemesis.DelayAround(node, 10 + static_cast<uint32_t>(nemesis.Random(40)));
    nemesis.Start(node);
    if (nemesis.WaitLoading(node, kReadyMs)) {
      nemesis.Sleep(static_cast<uint32_t>(nemesis.Random(150)));
      if (harm == 1) nemesis.Kill(node);
      if (harm == 2) nemesis.Kill(nemesis.Leader());
      if (harm == 3) nemesis.Pause(nemesis.Leader());
      nemesis.Sleep(static_cast<uint32_t>(nemesis.Random(1000)));
    }
    nemesis.HealAll();
    nemesis.WaitEqual(kReadyMs);
    Calm(nemesis);
  }
}

void Everything(Nemesis& nemesis) {
  while (!nemesis.over()) {
    const uint32_t node = nemesis.Random(2) == 0 ? nemesis.Leader() : nemesis.Any();
    switch (nemesis.Random(6)) {
      case 0:
        nemesis.Kill(node);
        break;
      case 1:
        nemesis.Pause(node);
        break;
      case 2:
        nemesis.Restart(node);
        break;
      case 3:
        nemesis.CutFrom(node);
        break;
      case 4:
        nemesis.CutTo(node);
        break;
      default:
        nemesis.ResetAround(node);
        nemesis.DelayAround(nemesis.Any(), 30);
        break;
    }
    nemesis.Sleep(300 + static_cast<uint32_t>(nemesis.Random(2500)));
    nemesis.HealAll();
    nemesis.Sleep(static_cast<uint32_t>(nemesis.Random(800)));
  }
}

}  // namespace

const std::vector<Scenario>& Scenarios() {
  static const std::vector<Scenario> kScenarios = {
      {"kill-leader", "kill -9 of the leader", false, true, KillLeader},
      {"kill-follower", "kill -9 of a follower", false, false, KillFollower},
      {"kill-any", "kill -9 of nodes faster than they come back", false, false, KillAny},
      {"kill-minority", "kill -9 of leader and followers, as many as may fail", false, true, KillMinority},
      {"kill-all", "kill -9 of all nodes at once", false, true, KillAll},
      {"kill-in-turn", "kill -9 of one node after the other, as soon as the last one is ready", false, true,
       KillInTurn},
      {"pause-all", "SIGSTOP of all nodes at once", false, false, PauseAll},
      {"pause-leader", "SIGSTOP of the leader until another one leads", false, true, PauseLeader},
      {"kill-paused", "kill -9 of a leader that was paused for a while", false, true, KillPaused},
      {"pause-follower", "SIGSTOP of a follower", false, false, PauseFollower},
      {"stutter", "short SIGSTOPs of anybody", false, false, Stutter},
      {"rolling-restart", "SIGTERM of one node after the other", false, true, RollingRestart},
      {"damage-follower", "a flipped bit in the log of a killed follower", false, false, DamageFollower},
      {"damage-leader", "a flipped bit in the log of a killed leader", false, true, DamageLeader},
      {"torn-tail", "the last bytes of a killed node's log zeroed", false, true, TornTail},
      {"isolate-leader", "the leader cut off", true, true, IsolateLeader},
      {"isolate-follower", "a follower cut off", true, false, IsolateFollower},
      {"mute-leader", "what the leader sends is lost", true, true, MuteLeader},
      {"deaf-leader", "what the leader is sent is lost", true, true, DeafLeader},
      {"one-way-follower", "a follower hears or speaks only", true, false, OneWayFollower},
      {"bridge", "the leader and one follower cut from each other", true, false, Bridge},
      {"resets", "connections reset", true, false, Resets},
      {"slow", "delays around a node", true, false, Slow},
      {"drip", "what a node sends drips", true, false, Drip},
      {"flapping", "the leader cut off and on again", true, false, Flapping},
      {"kill-isolated", "an isolated leader killed", true, true, KillIsolated},
      {"half-open", "likewise, and nobody hears that its connections ended", true, true, HalfOpen},
      {"snapshots", "nodes away for so long that they load snapshots; killed meanwhile, at either end", false,
       false, Snapshots, 1},
      {"slow-snapshots", "likewise, over slow links now and then", true, false, Snapshots, 1},
      {"everything", "all of it", true, false, Everything},
  };
  return kScenarios;
}

}  // namespace mom::cluster
