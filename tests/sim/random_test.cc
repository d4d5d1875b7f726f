// The generator behind seeds: what was found with a seed is found with it again.
#include <gtest/gtest.h>

#include "core/base/random.h"

namespace mom {
namespace {

// Goal: the sequence is SplitMix64's. Method: the first numbers that its authors' C code gives for this seed.
TEST(SplitMix64, GivesTheKnownNumbers) {
  SplitMix64 random(1234567);
  for (uint64_t expected : {6457827717110365317ull, 3203168211198807973ull, 9817491932198370423ull,
                            4593380528125082431ull, 16408922859458223821ull}) {
    EXPECT_EQ(random.Next(), expected);
  }
}

}  // namespace
}  // namespace mom
