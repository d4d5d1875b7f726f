#include "core/broker/key_walk.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "core/base/random.h"
#include "core/broker/view.h"

namespace mom::broker {
namespace {

// Below `limit`.
class Dice {
 public:
  explicit Dice(uint64_t seed) : numbers_(seed) {}
  uint64_t Below(uint64_t limit) { return numbers_.Next() % limit; }

 private:
  SplitMix64 numbers_;
};

std::string Key(uint64_t number) {
  return std::to_string(1000 + number);
}

TEST(KeyWalk, FindsWhatALookFindsInAnyOrder) {
  Dice random(7);
  for (int round = 0; round < 50; ++round) {
    MemoryView base;
    ViewOverlay changed(&base);
    ViewBatch stored;
    for (uint64_t number = 0; number < 60; ++number) {
      if (random.Below(3) == 0) stored[Key(number)] = std::to_string(number);
      if (random.Below(5) == 0) changed.Put(Key(number), std::to_string(number + 5000));
      if (random.Below(5) == 0) changed.Delete(Key(number));
    }
    base.Write(stored);
    KeyWalk walk(&changed);
    uint64_t number = random.Below(60);
    for (int look = 0; look < 40; ++look) {
      // Mostly onwards, by steps short and long; sometimes back, or the same again.
      number = random.Below(4) == 0 ? random.Below(70) : number + random.Below(9);
      const auto found = walk.Find(Key(number));
      const std::optional<std::string> wanted = changed.Get(Key(number));
      ASSERT_EQ(found.value_or("none"), wanted.value_or("none")) << round << " " << number;
    }
  }
}

}  // namespace
}  // namespace mom::broker
