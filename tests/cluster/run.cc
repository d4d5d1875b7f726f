#include "tests/cluster/run.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <set>
#include <thread>

#include "tests/cluster/workers.h"

namespace mom::cluster {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr int kStartMs = 30'000;
constexpr int kConvergeMs = 30'000;
constexpr int kSettleMs = 15'000;
constexpr int kDrainMs = 40'000;
constexpr uint64_t kFirstWriteMs = 5'000;  // After healing.
constexpr uint32_t kBallastBytes = 256u << 10;
constexpr uint64_t kAcknowledgedPerSecond = 20;  // A run with less proves nothing.

void SleepMs(uint64_t ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

Event SampleOf(uint32_t node, uint32_t boot, const NodeView& view) {
  Event event;
  event.ns = NowNs();
  event.kind = Kind::kOk;
  event.client = "sampler";
  event.node = node;
  event.action = Action::kSample;
  event.epoch = view.epoch;
  event.offset = view.high_watermark;
  event.applied = view.applied;
  event.digest = view.digest;
  event.boot = boot;
  event.number = view.leader;
  return event;
}

// Asks all nodes for their state again and again on a thread of its own.
class Sampler {
 public:
  Sampler(Cluster* cluster, Recorder* recorder) : cluster_(cluster), recorder_(recorder) {
    thread_ = std::thread([this] {
      while (!stop_) {
        for (uint32_t id = 1; id <= cluster_->size(); ++id) Sample(id);
        SleepMs(200);
      }
    });
  }
  ~Sampler() {
    stop_ = true;
    thread_.join();
  }

 private:
  void Sample(uint32_t id) {
    const uint32_t boot = cluster_->node(id).boots();
    const auto view = cluster_->Look(id, 200);
    if (view && boot == cluster_->node(id).boots()) recorder_->Add(SampleOf(id, boot, *view));
  }

  Cluster* const cluster_;
  Recorder* const recorder_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// Whether all nodes have applied the same and agree on what that made, within `timeout_ms`.
bool Converge(Cluster* cluster, Recorder* recorder, int timeout_ms) {
  const uint64_t deadline = NowNs() + static_cast<uint64_t>(timeout_ms) * kNsPerMs;
  while (NowNs() < deadline) {
    std::set<std::pair<uint64_t, std::string>> states;
    uint32_t ready = 0;
    for (uint32_t id = 1; id <= cluster->size(); ++id) {
      const auto view = cluster->Look(id, 1000);
      if (!view || !cluster->IsReady(id, 1000)) continue;
      ++ready;
      states.emplace(view->applied, view->digest);
      recorder->Add(SampleOf(id, cluster->node(id).boots(), *view));
    }
    if (ready == cluster->size() && states.size() == 1) return true;
    SleepMs(20);
  }
  return false;
}

// Waits until every node has applied what any of them knew to be applied at the beginning. Milliseconds;
// negative: not within `timeout_ms`.
double CatchUp(Cluster* cluster, int timeout_ms) {
  const uint64_t begin = NowNs(), deadline = begin + static_cast<uint64_t>(timeout_ms) * kNsPerMs;
  uint64_t target = 0;
  for (uint32_t id = 1; id <= cluster->size(); ++id) {
    if (const auto view = cluster->Look(id, 200)) target = std::max(target, view->applied);
  }
  for (uint32_t id = 1; id <= cluster->size();) {
    const auto view = cluster->Look(id, 1000);
    if (view && view->applied >= target) {
      ++id;
    } else if (NowNs() > deadline) {
      return -1;
    } else {
      SleepMs(5);
    }
  }
  return static_cast<double>(NowNs() - begin) / static_cast<double>(kNsPerMs);
}

// Nodes compare their states themselves: they did, and found them equal.
std::string CompareDigests(Cluster* cluster, uint64_t* comparisons) {
  std::string wrong;
  for (uint32_t id = 1; id <= cluster->size(); ++id) {
    const uint64_t compared = cluster->Metric(id, "mom_digest_comparisons_total");
    const uint64_t different = cluster->Metric(id, "mom_digest_mismatches_total");
    if (compared == UINT64_MAX || different == UINT64_MAX) return "the metrics of a node cannot be read";
    *comparisons += compared;
    if (compared == 0) wrong = "vacuous: node " + std::to_string(id) + " compared no digests";
    if (different > 0) return "C12: node " + std::to_string(id) + " found states that differ";
  }
  return wrong;
}

// A node that has just started asks within a second or two.
std::string AwaitComparisons(Cluster* cluster, uint64_t* comparisons) {
  std::string wrong;
  for (int i = 0; i < 20; ++i) {
    *comparisons = 0;
    wrong = CompareDigests(cluster, comparisons);
    if (!wrong.starts_with("vacuous")) break;
    SleepMs(250);
  }
  return wrong;
}

bool IsExplained(const std::string& code) {
  static const std::set<std::string> kExplained = {"not-connected", "no-leader", "not-ready", "stopping",
                                                   "overloaded"};
  return kExplained.contains(code);
}

// What the history says of the load's time [from, until], and of the time after healing.
void Measure(const std::vector<Event>& events, uint64_t from, uint64_t until, uint64_t healed,
             RunResult* result) {
  std::vector<uint64_t> times;
  for (const Event& event : events) {
    if (event.kind == Kind::kOk && event.action == Action::kPublish) times.push_back(event.ns);
    if (event.kind == Kind::kFail && !IsExplained(event.code))
      ++result->refusals[std::string(NameOf(event.action)) + " " + event.code];
  }
  std::sort(times.begin(), times.end());
  uint64_t last = from, longest = 0;
  for (uint64_t time : times) {
    if (time < from || time > until) continue;
    longest = std::max(longest, time - last);
    last = time;
  }
  longest = std::max(longest, until - last);
  result->longest_gap_ms = static_cast<double>(longest) / static_cast<double>(kNsPerMs);
  const auto first = std::upper_bound(times.begin(), times.end(), healed);
  if (first == times.end() || *first > healed + kFirstWriteMs * kNsPerMs)
    result->problems.push_back("C14: no write was acknowledged within 5 s of healing");
}

void Judge(const Scenario& scenario, const RunOptions& options, const Nemesis& nemesis,
           const std::vector<Event>& events, RunResult* result) {
  result->verdict = CheckHistory(events);
  result->faults = nemesis.faults();
  result->faults_on_leader = nemesis.faults_on_leader();
  const uint64_t epochs = result->verdict.epochs;
  result->leader_changes = epochs == 0 ? 0 : epochs - 1;
  const auto problem = [result](std::string text) { result->problems.push_back(std::move(text)); };
  for (const std::string& complaint : nemesis.complaints()) problem(complaint);
  for (const auto& [property, count] : result->verdict.found)
    problem(property + " broken " + std::to_string(count) + " times");
  if (result->faults == 0) problem("vacuous: no fault had an effect");
  if (scenario.must_change_leader && result->leader_changes == 0)
    problem("vacuous: the leader did not change");
  if (result->verdict.acknowledged_messages < kAcknowledgedPerSecond * options.seconds)
    problem("vacuous: too little was acknowledged");
  if (result->verdict.timers_checked == 0) problem("vacuous: nothing came due");
  if (result->verdict.unjudged_messages > 0) problem("some messages could not be judged");
}

void Save(const std::string& path, const std::vector<Event>& events) {
  std::ofstream out(path);
  for (const Event& event : events) out << ToLine(event) << '\n';
}

}  // namespace

RunResult RunScenario(const Scenario& scenario, const RunOptions& options) {
  RunResult result;
  Cluster cluster(
      {options.momd, options.folder, options.nodes, scenario.needs_network, scenario.log_retain_mib});
  Recorder recorder;
  LoadOptions load_options;
  load_options.seed = options.seed;
  load_options.publishers = options.publishers;
  if (scenario.log_retain_mib > 0) load_options.ballast_bytes = kBallastBytes;
  Load load(&cluster, &recorder, load_options);
  cluster.StartAll();
  if (!cluster.WaitAllReady(kStartMs)) {
    result.problems.push_back("the cluster did not become ready");
    return result;
  }
  if (std::string wrong = load.Prepare(); !wrong.empty()) {
    result.problems.push_back(std::move(wrong));
    return result;
  }
  auto sampler = std::make_unique<Sampler>(&cluster, &recorder);
  load.Start();
  const uint64_t from = NowNs();
  SleepMs(500);
  Nemesis nemesis(&cluster, options.seed, NowNs() + options.seconds * 1000 * kNsPerMs);
  scenario.run(nemesis);
  nemesis.HealAll();
  const uint64_t healed = NowNs();
  result.catch_up_ms = CatchUp(&cluster, kConvergeMs);
  if (result.catch_up_ms < 0) result.problems.push_back("C14: a node did not catch up after healing");
  if (!cluster.WaitAllReady(kConvergeMs))
    result.problems.push_back("C14: a node did not become ready after healing");
  SleepMs(1000);
  const uint64_t until = NowNs();
  load.Stop(kSettleMs);
  if (!Converge(&cluster, &recorder, kConvergeMs))
    result.problems.push_back("C14: nodes did not become equal");
  if (const std::string left = load.Drain(kDrainMs); !left.empty())
    result.problems.push_back("queue " + left + " could not be drained");
  if (!Converge(&cluster, &recorder, kConvergeMs))
    result.problems.push_back("C14: nodes did not become equal at the end");
  if (std::string wrong = AwaitComparisons(&cluster, &result.digest_comparisons); !wrong.empty())
    result.problems.push_back(std::move(wrong));
  sampler.reset();
  result.snapshots_loaded = cluster.SnapshotsLoaded();
  if (scenario.log_retain_mib > 0 && result.snapshots_loaded == 0)
    result.problems.push_back("vacuous: no snapshot was loaded");
  nemesis.HealAll();  // Notices who ended by itself meanwhile.
  const std::vector<Event> events = recorder.Take();
  Save(options.folder + "/history.txt", events);
  Measure(events, from, until, healed, &result);
  Judge(scenario, options, nemesis, events, &result);
  return result;
}

std::string ToLine(const Scenario& scenario, const RunOptions& options, const RunResult& result) {
  char line[400];
  const Verdict& verdict = result.verdict;
  std::snprintf(
      line, sizeof line,
      "%-17s %u nodes seed %llu: faults %llu (leader %llu), acked %llu, refused %llu, unknown %llu, "
      "leader changes %llu, longest gap %.0f ms, equal after %.0f ms, digests compared %llu, snapshots "
      "%llu: ",
      scenario.name, options.nodes, static_cast<unsigned long long>(options.seed),
      static_cast<unsigned long long>(result.faults),
      static_cast<unsigned long long>(result.faults_on_leader),
      static_cast<unsigned long long>(verdict.acknowledged_messages),
      static_cast<unsigned long long>(verdict.refused), static_cast<unsigned long long>(verdict.unknown),
      static_cast<unsigned long long>(result.leader_changes), result.longest_gap_ms, result.catch_up_ms,
      static_cast<unsigned long long>(result.digest_comparisons),
      static_cast<unsigned long long>(result.snapshots_loaded));
  std::string text = line;
  text += result.problems.empty() ? "good" : "FAILED";
  for (const std::string& problem : result.problems) text += "; " + problem;
  return text;
}

}  // namespace mom::cluster
