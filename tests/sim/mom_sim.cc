// mom-sim: runs histories of many seeds and says which of them broke a property. docs/simulator.md.
#include <CLI/CLI.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/sim/minimise.h"

namespace mom::sim {
namespace {

struct Arguments {
  std::string seeds = "1..100";
  uint64_t seed = 0;
  uint64_t first = 1;
  uint64_t last = 100;
  uint64_t events = 20'000;
  uint32_t jobs = 1;
  uint64_t time_limit_s = 0;
  uint64_t failures_max = 1;
  FaultSet without = 0;
  bool minimise = false;
  bool trace = false;
  bool quiet = false;
  bool no_guard = false;
};

double SecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Runs seeds on some threads, each history on one.
class Campaign {
 public:
  explicit Campaign(const Arguments& arguments) : arguments_(arguments), next_(arguments.first) {}

  int Run() {
    std::vector<std::thread> threads;
    for (uint32_t i = 0; i < arguments_.jobs; ++i) threads.emplace_back([this] { Work(); });
    for (std::thread& thread : threads) thread.join();
    Summary();
    if (failures_ > 0) return 1;
    return arguments_.no_guard || runs_ < 40 ? 0 : Guard();
  }

 private:
  void Work() {
    while (failures_ < arguments_.failures_max) {
      if (arguments_.time_limit_s > 0 &&
          SecondsSince(begin_) > static_cast<double>(arguments_.time_limit_s)) {
        return;
      }
      const uint64_t seed = next_++;
      if (seed > arguments_.last) return;
      const Report report = RunSeed(seed, RunOptions{arguments_.events, nullptr, arguments_.without});
      const std::lock_guard lock(mutex_);
      Take(report);
    }
  }

  void Take(const Report& report) {
    ++runs_;
    events_ += report.events;
    simulated_ns_ += report.simulated_ns;
    coverage_.Add(report.coverage);
    if (!report.violation.empty()) {
      ++failures_;
      std::printf("seed %lu event #%lu: %s\n  replay: mom-sim --seed %lu --events %lu --trace\n", report.seed,
                  report.events, report.violation.c_str(), report.seed, arguments_.events);
    } else if (!arguments_.quiet && runs_ % 500 == 0) {
      std::printf("%lu runs, %lu events, %.0f events/s\n", runs_, events_,
                  static_cast<double>(events_) / SecondsSince(begin_));
    }
    std::fflush(stdout);
  }

  void Summary() const {
    const double seconds = SecondsSince(begin_);
    std::printf("%lu runs, %lu events in %.1f s (%.0f events/s), %.1f h simulated, %lu failures\n", runs_,
                events_, seconds, static_cast<double>(events_) / seconds,
                static_cast<double>(simulated_ns_) / 3.6e12, failures_.load());
    if (arguments_.quiet) return;
    coverage_.ForEach(
        [](const char* name, uint64_t count, bool) { std::printf("  %-24s %lu\n", name, count); });
  }

  // A set of runs in which something never happened says nothing about it.
  int Guard() const {
    int missing = 0;
    coverage_.ForEach([&](const char* name, uint64_t count, bool required) {
      if (!required || count > 0) return;
      std::printf("vacuous: no %s in any run\n", name);
      ++missing;
    });
    return missing > 0 ? 1 : 0;
  }

  const Arguments arguments_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::atomic<uint64_t> next_;
  std::atomic<uint64_t> failures_{0};
  std::mutex mutex_;
  uint64_t runs_ = 0;
  uint64_t events_ = 0;
  int64_t simulated_ns_ = 0;
  Coverage coverage_;
};

std::string Names(FaultSet faults) {
  std::string names;
  for (size_t i = 0; i < std::size(kFaultKinds); ++i) {
    if ((faults >> i & 1) != 0) names.append(names.empty() ? "" : ",").append(kFaultKinds[i].name);
  }
  return names;
}

// False: there is none of this name.
bool AddKind(const std::string& name, FaultSet* faults) {
  for (size_t i = 0; i < std::size(kFaultKinds); ++i) {
    if (name != kFaultKinds[i].name) continue;
    *faults |= FaultSet{1} << i;
    return true;
  }
  return false;
}

int PrintMinimal(const Arguments& arguments) {
  const RunOptions options{arguments.events, nullptr, arguments.without};
  if (RunSeed(arguments.seed, options).violation.empty()) {
    std::printf("seed %lu: ok, nothing to minimise\n", arguments.seed);
    return 0;
  }
  const Minimal minimal = Minimise(arguments.seed, options);
  const std::string without = Names(minimal.options.without);
  std::printf(
      "seed %lu event #%lu: %s\n  faults: %s\n  replay: mom-sim --seed %lu --events %lu%s%s --trace\n",
      arguments.seed, minimal.report.events, minimal.report.violation.c_str(),
      minimal.faults == 0 ? "none" : Names(minimal.faults).c_str(), arguments.seed, minimal.options.events,
      without.empty() ? "" : " --without ", without.c_str());
  std::printf("  found in %d runs\n", minimal.runs);
  return 1;
}

int RunOne(const Arguments& arguments) {
  if (arguments.minimise) return PrintMinimal(arguments);
  const Report report = RunSeed(
      arguments.seed, RunOptions{arguments.events, arguments.trace ? stdout : nullptr, arguments.without});
  std::printf("seed %lu: %lu events, hash %016lx, %s\n", report.seed, report.events, report.hash,
              report.violation.empty() ? "ok" : report.violation.c_str());
  return report.violation.empty() ? 0 : 1;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("mom-sim: deterministic simulation of the replication protocol");
  app.add_option("--seeds", arguments.seeds, "first..last");
  app.add_option("--seed", arguments.seed, "one seed only, with its hash");
  app.add_option("--events", arguments.events, "with faults, a seed")->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--jobs", arguments.jobs, "threads")->check(CLI::Range(1, 256));
  app.add_option("--time-limit", arguments.time_limit_s, "seconds; no new seed is begun after them");
  app.add_option("--failures", arguments.failures_max, "stop after so many");
  std::vector<std::string> without;
  app.add_option("--without", without, "faults that are off, by their names in a trace")->delimiter(',');
  app.add_flag("--minimise", arguments.minimise,
               "with --seed: how few faults and events break the same property");
  app.add_flag("--trace", arguments.trace, "with --seed: print what happens");
  app.add_flag("--quiet", arguments.quiet, "no progress, no counters");
  app.add_flag("--no-guard", arguments.no_guard, "do not ask whether the runs saw everything");
  CLI11_PARSE(app, argc, argv);
  for (const std::string& name : without) {
    if (AddKind(name, &arguments.without)) continue;
    std::fprintf(stderr, "mom-sim: no fault has the name %s\n", name.c_str());
    return 2;
  }
  if (app.count("--seed") > 0) return RunOne(arguments);
  if (std::sscanf(arguments.seeds.c_str(), "%lu..%lu", &arguments.first, &arguments.last) != 2) {
    std::fprintf(stderr, "mom-sim: --seeds wants first..last\n");
    return 2;
  }
  return Campaign(arguments).Run();
}

}  // namespace
}  // namespace mom::sim

int main(int argc, char** argv) {
  return mom::sim::Main(argc, argv);
}
