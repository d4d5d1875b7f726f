#include "tests/cluster/failover.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "tests/cluster/cluster.h"
#include "tests/cluster/workers.h"

namespace mom::cluster {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr int kReadyMs = 30'000;
constexpr int kSteadyMs = 700;   // Of load before each fault.
constexpr int kWatchMs = 6'000;  // The most that a gap is waited for.

void SleepMs(int64_t ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

// Times of acknowledged publishes, ascending, that came since the last call.
std::vector<uint64_t> TakeAcknowledged(Recorder* recorder) {
  std::vector<uint64_t> times;
  for (const Event& event : recorder->Take()) {
    if (event.kind == Kind::kOk && event.action == Action::kPublish) times.push_back(event.ns);
  }
  std::sort(times.begin(), times.end());
  return times;
}

// The longest time without one of `times` after `from`, as far as the last of them.
double LongestGapMs(const std::vector<uint64_t>& times, uint64_t from) {
  uint64_t longest = 0, last = from;
  for (uint64_t time : times) {
    if (time < from) {
      continue;
    }
    longest = std::max(longest, time - last);
    last = time;
  }
  return static_cast<double>(longest) / static_cast<double>(kNsPerMs);
}

std::vector<uint32_t> AllBut(uint32_t size, uint32_t left_out) {
  std::vector<uint32_t> nodes;
  for (uint32_t id = 1; id <= size; ++id) {
    if (id != left_out) nodes.push_back(id);
  }
  return nodes;
}

// One fault and its repair. Negative: no leader, or no write came back in time.
double MeasureOnce(const FailoverOptions& options, Cluster* cluster, Load* load, Recorder* recorder,
                   uint32_t* hit) {
  *hit = cluster->Leader();
  if (*hit == 0) return -1;
  load->SetVia(AllBut(cluster->size(), *hit));
  SleepMs(kSteadyMs);
  if (cluster->Leader() != *hit) return -1;
  recorder->Take();
  SleepMs(50);
  const uint64_t from = NowNs();
  if (options.pause) {
    cluster->node(*hit).Pause();
  } else {
    cluster->node(*hit).Kill();
  }
  // The gap is over when writes have come for a while.
  std::vector<uint64_t> times;
  size_t settled = 0;
  for (int waited_ms = 0; waited_ms < kWatchMs && settled < 100; waited_ms += 50) {
    SleepMs(50);
    for (uint64_t time : TakeAcknowledged(recorder)) times.push_back(time);
    std::sort(times.begin(), times.end());
    // What was under way in the old leader's last moments is no sign of a new one.
    settled =
        static_cast<size_t>(times.end() - std::upper_bound(times.begin(), times.end(), from + 30 * kNsPerMs));
  }
  if (options.pause) {
    cluster->node(*hit).Resume();
  } else {
    cluster->node(*hit).Start();
  }
  if (!cluster->WaitAllReady(kReadyMs)) std::printf("node %u did not become ready again\n", *hit);
  return settled < 100 ? -1 : LongestGapMs(times, from);
}

void Summarise(std::vector<double> gaps) {
  std::sort(gaps.begin(), gaps.end());
  const auto at = [&gaps](double share) {
    return gaps[std::min(gaps.size() - 1, static_cast<size_t>(share * static_cast<double>(gaps.size())))];
  };
  std::printf(
      "longest gap without an acknowledged write, ms: median %.0f, 95th percentile %.0f, max %.0f (%zu)\n",
      at(0.5), at(0.95), gaps.back(), gaps.size());
}

}  // namespace

bool MeasureFailover(const FailoverOptions& options) {
  Cluster cluster({options.momd, options.folder, options.nodes});
  cluster.StartAll();
  Recorder recorder;
  LoadOptions load_options;
  load_options.seed = options.seed;
  load_options.publishers = 4;
  load_options.leasers = load_options.autos = load_options.readers = load_options.churners =
      load_options.timers = 0;
  load_options.pause_ms = 2;
  load_options.timeout_ms =
      10'000;  // Patient: the gap shows when the nodes answer, not when clients give up.
  Load load(&cluster, &recorder, load_options);
  if (!cluster.WaitAllReady(kReadyMs)) {
    std::printf("the cluster did not become ready\n");
    return false;
  }
  if (const std::string wrong = load.Prepare(); !wrong.empty()) {
    std::printf("%s\n", wrong.c_str());
    return false;
  }
  load.Start();
  std::vector<double> gaps;
  uint32_t failures = 0;
  for (uint32_t i = 0; i < options.repeats && failures < 5; ++i) {
    uint32_t hit = 0;
    const double gap_ms = MeasureOnce(options, &cluster, &load, &recorder, &hit);
    if (gap_ms < 0) {
      ++failures;
      std::printf("%3u node %u: no steady writes within %d ms\n", i + 1, hit, kWatchMs);
    } else {
      gaps.push_back(gap_ms);
      std::printf("%3u node %u %s: %.0f ms\n", i + 1, hit, options.pause ? "paused" : "killed", gap_ms);
    }
    std::fflush(stdout);
  }
  load.Stop(3000);
  if (!gaps.empty()) Summarise(gaps);
  return failures == 0 && !gaps.empty();
}

}  // namespace mom::cluster
