#include "tests/cluster/nemesis.h"

#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/cluster/recorder.h"

namespace mom::cluster {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr int kLeaderWaitMs = 3000;
constexpr int kStopMs = 10'000;

void SleepMs(uint64_t ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

}  // namespace

bool Nemesis::over() const {
  return NowNs() >= end_ns_;
}

void Nemesis::Sleep(uint32_t ms) const {
  const uint64_t now = NowNs();
  if (now < end_ns_) SleepMs(std::min<uint64_t>(ms, (end_ns_ - now) / kNsPerMs + 1));
}

uint32_t Nemesis::Leader() {
  for (int waited_ms = 0; waited_ms < kLeaderWaitMs && !over(); waited_ms += 20) {
    const uint32_t leader = cluster_->Leader();
    // One that is known but does not run is one that was.
    if (leader != 0 && cluster_->node(leader).running() && !cluster_->node(leader).paused())
      return last_leader_ = leader;
    SleepMs(20);
  }
  return Any();
}

uint32_t Nemesis::Any() {
  last_leader_ = cluster_->Leader();  // To know whom a fault hits.
  return static_cast<uint32_t>(1 + Random(size()));
}

uint32_t Nemesis::Follower() {
  const std::vector<uint32_t> others = Others(Leader());
  return others[Random(others.size())];
}

std::vector<uint32_t> Nemesis::Others(uint32_t node) const {
  std::vector<uint32_t> nodes;
  for (uint32_t id = 1; id <= size(); ++id) {
    if (id != node) nodes.push_back(id);
  }
  return nodes;
}

void Nemesis::Count(uint32_t node, bool effective) {
  if (!effective) return;
  ++faults_;
  if (node == last_leader_) ++faults_on_leader_;
}

void Nemesis::LookForDead(uint32_t node) {
  NodeProcess& process = cluster_->node(node);
  if (process.running() || process.exit_status() < 0) return;
  const int status = process.exit_status();
  complaints_.push_back("node " + std::to_string(node) + " ended by itself with " +
                        (WIFEXITED(status) ? "exit code " + std::to_string(WEXITSTATUS(status))
                                           : "signal " + std::to_string(WTERMSIG(status))));
}

void Nemesis::Kill(uint32_t node) {
  LookForDead(node);
  Count(node, cluster_->node(node).Kill());
}

void Nemesis::Start(uint32_t node) {
  if (!cluster_->node(node).running()) cluster_->node(node).Start();
}

void Nemesis::Pause(uint32_t node) {
  Count(node, cluster_->node(node).Pause());
}

void Nemesis::Resume(uint32_t node) {
  cluster_->node(node).Resume();
}

void Nemesis::Restart(uint32_t node) {
  LookForDead(node);
  const bool was_running = cluster_->node(node).running();
  const int code = cluster_->node(node).Terminate(kStopMs);
  if (was_running && code != 0)
    complaints_.push_back("node " + std::to_string(node) +
                          " did not stop well on SIGTERM: " + std::to_string(code));
  Count(node, was_running);
  Start(node);
}

void Nemesis::Damage(uint32_t node) {
  Overwrite(node, false);
}

void Nemesis::TearTail(uint32_t node) {
  Overwrite(node, true);
}

void Nemesis::Overwrite(uint32_t node, bool tail) {
  namespace fs = std::filesystem;
  fs::path newest;
  for (const auto& entry : fs::directory_iterator(cluster_->node(node).data_dir() + "/log")) {
    if (entry.path().extension() == ".log" && (newest.empty() || entry.path() > newest))
      newest = entry.path();
  }
  if (newest.empty()) return;
  std::fstream file(newest, std::ios::in | std::ios::out | std::ios::binary);
  // Segments are longer than what was written: only bytes that mean something count.
  std::string bytes(4u << 20, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(file.gcount()));
  bytes.resize(bytes.find_last_not_of('\0') + 1);
  if (bytes.size() < 2000) return;
  const size_t at = tail ? bytes.size() - 1 - Random(300) : 1000 + Random(bytes.size() - 2000);
  std::string damage(1, static_cast<char>(bytes[at] ^ (1 << Random(8))));
  if (tail) damage.assign(bytes.size() - at, '\0');
  file.clear();
  file.seekp(static_cast<std::streamoff>(at));
  file.write(damage.data(), static_cast<std::streamsize>(damage.size()));
  Count(node, file.good());
}

void Nemesis::WaitReady(uint32_t ms) {
  const uint64_t deadline = std::min(end_ns_, NowNs() + ms * kNsPerMs);
  for (uint32_t id = 1; id <= size() && NowNs() < deadline;) {
    if (cluster_->IsReady(id, 200)) {
      ++id;
    } else {
      SleepMs(10);
    }
  }
}

void Nemesis::WaitEqual(uint32_t ms) {
  const uint64_t deadline = std::min(end_ns_, NowNs() + ms * kNsPerMs);
  const auto target = cluster_->Look(Leader(), 500);
  for (uint32_t id = 1; target && id <= size() && NowNs() < deadline;) {
    const auto view = cluster_->Look(id, 500);
    if (view && view->applied >= target->applied) {
      ++id;
    } else {
      SleepMs(10);
    }
  }
}

uint64_t Nemesis::LogEnd(uint32_t node) {
  const auto view = cluster_->Look(node, 500);
  return view ? view->log_end : UINT64_MAX;
}

void Nemesis::WaitBehindLog(uint64_t log_end) {
  while (!over()) {
    const auto view = cluster_->Look(Leader(), 500);
    if (view && view->log_start > log_end) return;
    SleepMs(20);
  }
}

// It may serve nobody yet: its folder tells.
bool Nemesis::WaitLoading(uint32_t node, uint32_t ms) {
  namespace fs = std::filesystem;
  const uint64_t deadline = std::min(end_ns_, NowNs() + ms * kNsPerMs);
  while (NowNs() < deadline) {
    int views = 0;
    std::error_code error;
    for (fs::directory_iterator it(cluster_->node(node).data_dir(), error), end; !error && it != end;
         it.increment(error)) {
      std::error_code gone;
      if (it->path().filename().string().starts_with("view") && it->is_directory(gone)) ++views;
    }
    if (views > 1) return true;
    SleepMs(1);
  }
  return false;
}

void Nemesis::CutFrom(uint32_t node) {
  if (cluster_->proxy() == nullptr) return;
  disturbed_.insert(node);
  for (uint32_t other : Others(node)) cluster_->proxy()->Cut(node, other);
}

void Nemesis::CutTo(uint32_t node) {
  if (cluster_->proxy() == nullptr) return;
  disturbed_.insert(node);
  for (uint32_t other : Others(node)) cluster_->proxy()->Cut(other, node);
}

void Nemesis::CutBetween(uint32_t a, uint32_t b) {
  if (cluster_->proxy() == nullptr) return;
  disturbed_.insert({a, b});
  cluster_->proxy()->Cut(a, b);
  cluster_->proxy()->Cut(b, a);
}

void Nemesis::DelayAround(uint32_t node, uint32_t ms) {
  if (cluster_->proxy() == nullptr) return;
  disturbed_.insert(node);
  for (uint32_t other : Others(node)) {
    cluster_->proxy()->Delay(node, other, ms);
    cluster_->proxy()->Delay(other, node, ms);
  }
}

void Nemesis::DripFrom(uint32_t node, uint32_t bytes_per_second) {
  if (cluster_->proxy() == nullptr) return;
  disturbed_.insert(node);
  for (uint32_t other : Others(node)) cluster_->proxy()->Drip(node, other, bytes_per_second);
}

void Nemesis::ResetAround(uint32_t node) {
  if (cluster_->proxy() == nullptr) return;
  size_t ended = 0;
  for (uint32_t other : Others(node)) ended += cluster_->proxy()->Reset(node, other);
  Count(node, ended > 0);
}

void Nemesis::HideEnds() {
  if (cluster_->proxy() != nullptr) cluster_->proxy()->HideEnds(true);
}

void Nemesis::HealNetwork() {
  if (cluster_->proxy() == nullptr) return;
  cluster_->proxy()->Heal();
  const uint64_t touched = cluster_->proxy()->touched();
  // Faults that no traffic met were none.
  if (touched > touched_before_ && !disturbed_.empty()) {
    Count(disturbed_.contains(last_leader_) ? last_leader_ : *disturbed_.begin(), true);
  }
  touched_before_ = touched;
  disturbed_.clear();
}

void Nemesis::HealAll() {
  HealNetwork();
  if (cluster_->proxy() != nullptr) cluster_->proxy()->HideEnds(false);
  for (uint32_t id = 1; id <= size(); ++id) {
    LookForDead(id);
    Resume(id);
    Start(id);
  }
}

}  // namespace mom::cluster
