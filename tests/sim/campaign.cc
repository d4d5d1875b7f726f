#include "tests/sim/campaign.h"

namespace mom::sim {

void AddSeedOptions(CLI::App* app, CampaignOptions* options) {
  app->add_option("--seeds", options->seeds, "first..last");
  app->add_option("--seed", options->seed, "one seed only, with its hash");
  app->add_option("--events", options->events, "with faults, a seed")->check(CLI::Range(1, 1'000'000'000));
  app->add_option("--jobs", options->jobs, "threads")->check(CLI::Range(1, 256));
  app->add_option("--time-limit", options->time_limit_s, "seconds; no new seed is begun after them");
  app->add_option("--failures", options->failures_max, "stop after so many");
}

void AddPrintOptions(CLI::App* app, CampaignOptions* options) {
  app->add_flag("--trace", options->trace, "with --seed: print what happens");
  app->add_flag("--quiet", options->quiet, "no progress, no counters");
  app->add_flag("--no-guard", options->no_guard, "do not ask whether the runs saw everything");
}

bool ParseSeeds(const std::string& program, CampaignOptions* options) {
  if (std::sscanf(options->seeds.c_str(), "%lu..%lu", &options->first, &options->last) == 2) return true;
  std::fprintf(stderr, "%s: --seeds wants first..last\n", program.c_str());
  return false;
}

}  // namespace mom::sim
