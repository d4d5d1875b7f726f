// The checksum behind stored values. Goal: views written by older builds stay readable, and no changed, cut
// or moved value is taken for good. Method: bytes as they were first written; every single damage to them.
#include "replication/view/value_checksum.h"

#include <gtest/gtest.h>

namespace mom::replication {
namespace {

TEST(ValueChecksum, KeepsItsForm) {
  std::string stored = "something older";
  StoreValue("key", "value", &stored);
  EXPECT_EQ(stored, "value\x8e\x11\x11.");
  EXPECT_EQ(StoredValue("key", stored), "value");
  StoreValue("key", "", &stored);
  EXPECT_EQ(stored.size(), kValueChecksumBytes);
  EXPECT_EQ(StoredValue("key", stored), "");
}

TEST(ValueChecksum, FindsEveryDamage) {
  std::string stored;
  StoreValue("key", "value", &stored);
  EXPECT_FALSE(StoredValue("kez", stored));
  for (size_t size = 0; size < stored.size(); ++size)
    EXPECT_FALSE(StoredValue("key", stored.substr(0, size)));
  for (size_t bit = 0; bit < stored.size() * 8; ++bit) {
    std::string damaged = stored;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(StoredValue("key", damaged)) << bit;
  }
}

}  // namespace
}  // namespace mom::replication
