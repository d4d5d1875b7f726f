// cluster_chaos: real nodes, real faults, and a judgement of everything that clients saw. docs/testing.md.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "tests/cluster/failover.h"
#include "tests/cluster/run.h"

namespace mom::cluster {
namespace {

struct Options {
  RunOptions run;
  std::vector<std::string> scenarios = {"all"};
  uint32_t kills = 0, pauses = 0;
  bool keep = false, list = false, verbose = false;
};

// Where runs keep their data: one folder a run, gone after a good one unless kept.
std::string MakeFolder() {
  std::string folder = std::filesystem::temp_directory_path() / "mom-chaos-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) std::abort();
  return folder;
}

void Remove(const std::string& folder, bool good, bool keep) {
  if (good && !keep) {
    std::filesystem::remove_all(folder);
  } else {
    std::printf("  kept: %s\n", folder.c_str());
  }
}

bool RunFailover(const Options& options, uint32_t repeats, bool pause) {
  FailoverOptions failover{options.run.momd, MakeFolder(), options.run.nodes,
                           repeats,          pause,        options.run.seed};
  const bool good = MeasureFailover(failover);
  Remove(failover.folder, good, options.keep);
  return good;
}

bool RunOne(const Scenario& scenario, const Options& options) {
  RunOptions run = options.run;
  run.folder = MakeFolder();
  const RunResult result = RunScenario(scenario, run);
  std::printf("%s\n", ToLine(scenario, run, result).c_str());
  const bool good = result.problems.empty();
  if (!good || options.verbose) {
    std::printf("%s", ToText(result.verdict).c_str());
    for (const auto& [refusal, count] : result.refusals)
      std::printf("  refused: %s, %llu times\n", refusal.c_str(), static_cast<unsigned long long>(count));
  }
  Remove(run.folder, good, options.keep);
  std::fflush(stdout);
  return good;
}

bool IsWanted(const Options& options, const Scenario& scenario) {
  return std::any_of(options.scenarios.begin(), options.scenarios.end(),
                     [&](const std::string& name) { return name == "all" || name == scenario.name; });
}

int RunAll(const Options& options, bool has_network) {
  uint32_t ran = 0, failed = 0;
  for (const Scenario& scenario : Scenarios()) {
    if (!IsWanted(options, scenario)) continue;
    if (scenario.needs_network && !has_network) {
      std::printf("%-17s skipped: it needs network namespaces (root, or user namespaces)\n", scenario.name);
      continue;
    }
    ++ran;
    if (!RunOne(scenario, options)) ++failed;
  }
  std::printf("%u scenarios, %u failed\n", ran, failed);
  return ran > 0 && failed == 0 ? 0 : 1;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app(
      "cluster_chaos: starts a cluster of real nodes on loopback, keeps it busy, harms it, heals it, and "
      "judges\n"
      "what its clients saw. One line a scenario; exit code 0 when all are good. What failed is kept.");
  app.add_option("--momd", options.run.momd, "The program under test");
  app.add_option("--scenario", options.scenarios, "Names, or all")->delimiter(',')->capture_default_str();
  app.add_option("--seconds", options.run.seconds, "Of faults, each scenario")->capture_default_str();
  app.add_option("--nodes", options.run.nodes, "3 or 5")->check(CLI::Range(3, 7))->capture_default_str();
  app.add_option("--publishers", options.run.publishers, "Clients that only send")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--seed", options.run.seed, "Of faults and load")->capture_default_str();
  app.add_option("--kills", options.kills,
                 "Instead: kill the leader so often and measure the gaps in writing");
  app.add_option("--pauses", options.pauses, "Instead: likewise, with pauses");
  app.add_flag("--keep", options.keep, "Keep the data and history of good runs too");
  app.add_flag("--verbose", options.verbose, "Print the checker's counts and all kinds of refusals");
  app.add_flag("--list", options.list, "Print the scenarios");
  CLI11_PARSE(app, argc, argv);
  if (options.list) {
    for (const Scenario& scenario : Scenarios())
      std::printf("%-17s %s%s\n", scenario.name, scenario.what, scenario.needs_network ? " (network)" : "");
    return 0;
  }
  if (access(options.run.momd.c_str(), X_OK) != 0) {
    std::fprintf(stderr, "--momd must be the path of the program under test\n");
    return 2;
  }
  const bool has_network = BecomeAbleToMakeSpaces() && NetSpace::Make() != nullptr;
  if (options.kills + options.pauses == 0) return RunAll(options, has_network);
  bool good = true;
  if (options.kills > 0) good = RunFailover(options, options.kills, false);
  if (options.pauses > 0) good = RunFailover(options, options.pauses, true) && good;
  return good ? 0 : 1;
}

}  // namespace
}  // namespace mom::cluster

int main(int argc, char** argv) {
  return mom::cluster::Main(argc, argv);
}
