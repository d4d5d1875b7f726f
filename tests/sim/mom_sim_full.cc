// mom-sim-full: runs histories of whole nodes (tier 2). docs/simulator.md.
#include <CLI/CLI.hpp>

#include <cstdio>

#include "tests/sim/campaign.h"
#include "tests/sim/full/full_simulation.h"

namespace mom::sim {
namespace {

constexpr char kProgram[] = "mom-sim-full";

int Main(int argc, char** argv) {
  CampaignOptions options;
  CLI::App app("mom-sim-full: deterministic simulation of whole nodes");
  AddSeedOptions(&app, &options);
  AddPrintOptions(&app, &options);
  CLI11_PARSE(app, argc, argv);
  if (app.count("--seed") > 0) {
    return PrintVerdict(RunFullSeed(options.seed, options.events, options.trace ? stdout : nullptr));
  }
  if (!ParseSeeds(kProgram, &options)) return 2;
  return Campaign<FullCoverage>(kProgram, options, 100,
                                [&](uint64_t seed) { return RunFullSeed(seed, options.events); })
      .Run();
}

}  // namespace
}  // namespace mom::sim

int main(int argc, char** argv) {
  return mom::sim::Main(argc, argv);
}
