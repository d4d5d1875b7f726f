// Goal: no sequence of events and messages, however wrong the peers, stops a replica. Method: the driver of
// the fuzz target with a bounded number of random inputs.
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/base/random.h"
#include "tests/core/quorum/fuzz_driver.h"

namespace mom::quorum {
namespace {

TEST(HostilePeers, CannotStopAReplica) {
  const char* text = std::getenv("MOM_QUORUM_INPUTS");
  const uint64_t inputs = text != nullptr ? std::strtoull(text, nullptr, 10) : 3000;
  for (uint64_t seed = 1; seed <= inputs; ++seed) {
    SplitMix64 random(seed);
    std::string input(2000, '\0');
    for (char& byte : input) byte = static_cast<char>(random.Next() & 0xff);
    FuzzDriver::Run(input);
  }
  const FuzzDriver::Reached& reached = FuzzDriver::reached();
  EXPECT_GT(reached.led, reached.steps / 100);
  EXPECT_GT(reached.followed, reached.steps / 100);
  EXPECT_GT(reached.committed, inputs / 10);
  EXPECT_GT(reached.truncated, 0u);
  EXPECT_GT(reached.installed, 0u);
}

}  // namespace
}  // namespace mom::quorum
