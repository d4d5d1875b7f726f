// cluster_chaos: real nodes, real faults, and a judgement of everything that clients saw.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "tests/cluster/failover.h"

int main(int argc, char** argv) {
  mom::cluster::FailoverOptions failover;
  uint32_t kills = 0, pauses = 0;
  CLI::App app("cluster_chaos");
  app.add_option("--momd", failover.momd, "The program under test")->required();
  app.add_option("--kills", kills, "");
  app.add_option("--pauses", pauses, "");
  app.add_option("--nodes", failover.nodes, "");
  CLI11_PARSE(app, argc, argv);
  std::string folder = std::filesystem::temp_directory_path() / "mom-chaos-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 2;
  failover.folder = folder;
  failover.repeats = kills > 0 ? kills : pauses;
  failover.pause = kills == 0;
  const bool good = mom::cluster::MeasureFailover(failover);
  std::printf("%s\n", folder.c_str());
  return good ? 0 : 1;
}
