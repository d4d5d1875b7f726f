// mom-sim: runs histories of many seeds and says which of them broke a property. docs/simulator.md.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <string>
#include <vector>

#include "tests/sim/campaign.h"
#include "tests/sim/minimise.h"

namespace mom::sim {
namespace {

constexpr char kProgram[] = "mom-sim";

struct Arguments {
  CampaignOptions campaign;
  FaultSet without = 0;
  bool minimise = false;

  RunOptions ForRun(std::FILE* trace = nullptr) const { return {campaign.events, trace, without}; }
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
  const uint64_t seed = arguments.campaign.seed;
  if (RunSeed(seed, arguments.ForRun()).violation.empty()) {
    std::printf("seed %lu: ok, nothing to minimise\n", seed);
    return 0;
  }
  const Minimal minimal = Minimise(seed, arguments.ForRun());
  const std::string without = Names(minimal.options.without);
  std::printf(
      "seed %lu event #%lu: %s\n  faults: %s\n  replay: mom-sim --seed %lu --events %lu%s%s --trace\n", seed,
      minimal.report.events, minimal.report.violation.c_str(),
      minimal.faults == 0 ? "none" : Names(minimal.faults).c_str(), seed, minimal.options.events,
      without.empty() ? "" : " --without ", without.c_str());
  std::printf("  found in %d runs\n", minimal.runs);
  return 1;
}

int RunOne(const Arguments& arguments) {
  if (arguments.minimise) return PrintMinimal(arguments);
  return PrintVerdict(
      RunSeed(arguments.campaign.seed, arguments.ForRun(arguments.campaign.trace ? stdout : nullptr)));
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("mom-sim: deterministic simulation of the replication protocol");
  AddSeedOptions(&app, &arguments.campaign);
  std::vector<std::string> without;
  app.add_option("--without", without, "faults that are off, by their names in a trace")->delimiter(',');
  app.add_flag("--minimise", arguments.minimise,
               "with --seed: how few faults and events break the same property");
  AddPrintOptions(&app, &arguments.campaign);
  CLI11_PARSE(app, argc, argv);
  for (const std::string& name : without) {
    if (AddKind(name, &arguments.without)) continue;
    std::fprintf(stderr, "mom-sim: no fault has the name %s\n", name.c_str());
    return 2;
  }
  if (app.count("--seed") > 0) return RunOne(arguments);
  if (!ParseSeeds(kProgram, &arguments.campaign)) return 2;
  return Campaign<Coverage>(kProgram, arguments.campaign, 500,
                            [&](uint64_t seed) { return RunSeed(seed, arguments.ForRun()); })
      .Run();
}

}  // namespace
}  // namespace mom::sim

int main(int argc, char** argv) {
  return mom::sim::Main(argc, argv);
}
