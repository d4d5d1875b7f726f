// Campaign: histories of many seeds, and which of them broke a property; with the options that the programs
// of both tiers share. docs/simulator.md.
#pragma once

#include <CLI/CLI.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/sim/report.h"

namespace mom::sim {

struct CampaignOptions {
  std::string seeds = "1..100";
  uint64_t seed = 0;  // Of a single history.
  uint64_t first = 1;
  uint64_t last = 100;  // Included.
  uint64_t events = 20'000;
  uint32_t jobs = 1;
  uint64_t time_limit_s = 0;  // 0: none.
  uint64_t failures_max = 1;
  bool trace = false;
  bool quiet = false;
  bool no_guard = false;
};

// What is run, and what is printed. Options of one tier only go in between, so that --help groups them.
void AddSeedOptions(CLI::App* app, CampaignOptions* options);
void AddPrintOptions(CLI::App* app, CampaignOptions* options);

// Takes first and last from `seeds`. False: it has another form; said on stderr in the name of `program`.
bool ParseSeeds(const std::string& program, CampaignOptions* options);

// Prints how one history ended; the program's exit code.
template <typename Report>
int PrintVerdict(const Report& report) {
  std::printf("seed %lu: %lu events, hash %016lx, %s\n", report.seed, report.events, report.hash,
              report.violation.empty() ? "ok" : report.violation.c_str());
  return report.violation.empty() ? 0 : 1;
}

// Runs the seeds [first, last] on some threads, each history on one. Run() once, by one thread.
template <typename Coverage>
class Campaign {
 public:
  using Report = HistoryReport<Coverage>;

  // `run` is the history of a seed, called on several threads. Progress is told each `progress_runs` of them.
  Campaign(std::string program, CampaignOptions options, uint64_t progress_runs,
           std::function<Report(uint64_t seed)> run)
      : program_(std::move(program)),
        options_(std::move(options)),
        progress_runs_(progress_runs),
        run_(std::move(run)),
        next_(options_.first) {}

  // The program's exit code.
  int Run() {
    std::vector<std::thread> threads;
    for (uint32_t i = 0; i < options_.jobs; ++i) threads.emplace_back([this] { Work(); });
    for (std::thread& thread : threads) thread.join();
    Summary();
    if (failures_ > 0) return 1;
    return options_.no_guard || runs_ < kRunsForGuard ? 0 : Guard();
  }

 private:
  static constexpr uint64_t kRunsForGuard = 40;  // Fewer need not have seen everything.

  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

  void Work() {
    while (failures_ < options_.failures_max) {
      if (options_.time_limit_s > 0 && Seconds() > static_cast<double>(options_.time_limit_s)) return;
      const uint64_t seed = next_++;
      if (seed > options_.last) return;
      const Report report = run_(seed);
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
      std::printf("seed %lu event #%lu: %s\n  replay: %s --seed %lu --events %lu --trace\n", report.seed,
                  report.events, report.violation.c_str(), program_.c_str(), report.seed, options_.events);
    } else if (!options_.quiet && runs_ % progress_runs_ == 0) {
      std::printf("%lu runs, %lu events, %.0f events/s\n", runs_, events_,
                  static_cast<double>(events_) / Seconds());
    }
    std::fflush(stdout);
  }

  void Summary() const {
    const double seconds = Seconds();
    std::printf("%lu runs, %lu events in %.1f s (%.0f events/s), %.1f h simulated, %lu failures\n", runs_,
                events_, seconds, static_cast<double>(events_) / seconds,
                static_cast<double>(simulated_ns_) / 3.6e12, failures_.load());
    if (options_.quiet) return;
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

  const std::string program_;
  const CampaignOptions options_;
  const uint64_t progress_runs_;
  const std::function<Report(uint64_t)> run_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::atomic<uint64_t> next_;
  std::atomic<uint64_t> failures_{0};
  std::mutex mutex_;
  // Guarded by mutex_ while threads run.
  uint64_t runs_ = 0;
  uint64_t events_ = 0;
  int64_t simulated_ns_ = 0;
  Coverage coverage_;
};

}  // namespace mom::sim
