// mom-replay: offline recovery from the log.
#include <sys/prctl.h>

#include <exception>
#include <iostream>

#include "infra/replay/commands.h"

int main(int argc, char** argv) {
  prctl(PR_SET_DUMPABLE, 0);  // Secrets and bodies stay out of core files.
  try {
    return mom::replay::RunReplay(argc, argv, std::cout, std::cerr);
  } catch (const std::exception& error) {
    std::cerr << "mom-replay: " << error.what() << std::endl;
    return mom::replay::kExitRefused;
  }
}
