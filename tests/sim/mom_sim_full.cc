// mom-sim-full: runs histories of whole nodes (tier 2). docs/simulator.md.
#include <CLI/CLI.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/sim/full/full_simulation.h"

namespace mom::sim {
namespace {

struct FullArguments {
  std::string seeds = "1..100";
  uint64_t seed = 0;
  uint64_t first = 1;
  uint64_t last = 100;
  uint64_t events = 20'000;
  uint32_t jobs = 1;
  uint64_t time_limit_s = 0;
  uint64_t failures_max = 1;
  bool trace = false;
  bool quiet = false;
  bool no_guard = false;
};

int RunFullOne(const FullArguments& arguments) {
  const FullReport report = RunFullSeed(arguments.seed, arguments.events, arguments.trace ? stdout : nullptr);
  std::printf("seed %lu: %lu events, hash %016lx, %s\n", report.seed, report.events, report.hash,
              report.violation.empty() ? "ok" : report.violation.c_str());
  return report.violation.empty() ? 0 : 1;
}

int RunFullMany(const FullArguments& arguments) {
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  std::atomic<uint64_t> next{arguments.first}, failures{0};
  std::mutex mutex;
  FullCoverage coverage;
  uint64_t runs = 0, events = 0;
  int64_t simulated_ns = 0;
  const auto work = [&] {
    while (failures < arguments.failures_max) {
      if (arguments.time_limit_s > 0 && seconds() > static_cast<double>(arguments.time_limit_s)) return;
      const uint64_t seed = next++;
      if (seed > arguments.last) return;
      const FullReport report = RunFullSeed(seed, arguments.events);
      const std::lock_guard lock(mutex);
      ++runs;
      events += report.events;
      simulated_ns += report.simulated_ns;
      coverage.Add(report.coverage);
      if (!report.violation.empty()) {
        ++failures;
        std::printf("seed %lu event #%lu: %s\n  replay: mom-sim-full --seed %lu --events %lu --trace\n", seed,
                    report.events, report.violation.c_str(), seed, arguments.events);
      } else if (!arguments.quiet && runs % 100 == 0) {
        std::printf("%lu runs, %lu events, %.0f events/s\n", runs, events,
                    static_cast<double>(events) / seconds());
      }
      std::fflush(stdout);
    }
  };
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < arguments.jobs; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  std::printf("%lu runs, %lu events in %.1f s (%.0f events/s), %.1f h simulated, %lu failures\n", runs,
              events, seconds(), static_cast<double>(events) / seconds(),
              static_cast<double>(simulated_ns) / 3.6e12, failures.load());
  int vacuous = 0;
  coverage.ForEach([&](const char* name, uint64_t count) {
    if (!arguments.quiet) std::printf("  %-24s %lu\n", name, count);
    if (count > 0 || runs < 40 || arguments.no_guard) return;
    std::printf("vacuous: no %s in any run\n", name);
    ++vacuous;
  });
  return failures > 0 || vacuous > 0 ? 1 : 0;
}

int FullMain(int argc, char** argv) {
  FullArguments arguments;
  CLI::App app("mom-sim-full: deterministic simulation of whole nodes");
  app.add_option("--seeds", arguments.seeds, "first..last");
  app.add_option("--seed", arguments.seed, "one seed only, with its hash");
  app.add_option("--events", arguments.events, "with faults, a seed")->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--jobs", arguments.jobs, "threads")->check(CLI::Range(1, 256));
  app.add_option("--time-limit", arguments.time_limit_s, "seconds; no new seed is begun after them");
  app.add_option("--failures", arguments.failures_max, "stop after so many");
  app.add_flag("--trace", arguments.trace, "with --seed: print what happens");
  app.add_flag("--quiet", arguments.quiet, "no progress, no counters");
  app.add_flag("--no-guard", arguments.no_guard, "do not ask whether the runs saw everything");
  CLI11_PARSE(app, argc, argv);
  if (app.count("--seed") > 0) return RunFullOne(arguments);
  if (std::sscanf(arguments.seeds.c_str(), "%lu..%lu", &arguments.first, &arguments.last) != 2) {
    std::fprintf(stderr, "mom-sim-full: --seeds wants first..last\n");
    return 2;
  }
  return RunFullMany(arguments);
}

}  // namespace
}  // namespace mom::sim

int main(int argc, char** argv) {
  return mom::sim::FullMain(argc, argv);
}
