#include "replication/view/record_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace mom::replication {
namespace {

broker::ViewBatch Batch(const std::string& key, std::optional<std::string> value) {
  return {{key, std::move(value)}};
}

void Write(RecordCache* cache, const broker::ViewBatch& batch) {
  cache->BeginWrite(batch);
  cache->EndWrite(batch);
}

std::function<bool(const broker::ViewBatch&)> IsWrittenAt(const std::string& key) {
  return [key](const broker::ViewBatch& changes) { return changes.contains(key); };
}

std::string Key(int i) {
  std::string key = "u";
  key.append(std::to_string(i));
  return key;
}

TEST(RecordCache, CoversOnlyItsTables) {
  const RecordCache cache("us");
  EXPECT_TRUE(cache.Covers("ualice"));
  EXPECT_FALSE(cache.Covers("b123"));
  EXPECT_FALSE(cache.Covers(""));
}

TEST(RecordCache, KeepsWhatWasFilledAndFollowsWrites) {
  RecordCache cache("u");
  RecordCache::Found found = cache.Find("ua");
  ASSERT_FALSE(found.hit);
  cache.Fill("ua", "1", found.version);
  EXPECT_EQ(cache.Find("ua").value, "1");
  Write(&cache, Batch("ua", "2"));
  EXPECT_EQ(cache.Find("ua").value, "2");
  Write(&cache, Batch("ua", std::nullopt));
  ASSERT_TRUE(cache.Find("ua").hit);
  EXPECT_FALSE(cache.Find("ua").value.has_value());
}

TEST(RecordCache, RemembersThatThereIsNothing) {
  RecordCache cache("u");
  cache.Fill("ua", std::nullopt, cache.Find("ua").version);
  ASSERT_TRUE(cache.Find("ua").hit);
  Write(&cache, Batch("ua", "now there is"));
  EXPECT_EQ(cache.Find("ua").value, "now there is");
}

// The reader asked LevelDB before the write and comes to fill after it.
TEST(RecordCache, DropsAnAnswerThatAWriteOvertook) {
  RecordCache cache("u");
  const uint64_t version = cache.Find("ua").version;
  Write(&cache, Batch("ua", "new"));
  cache.Fill("ua", "old", version);
  EXPECT_FALSE(cache.Find("ua").hit);
}

TEST(RecordCache, ANoteLastsUntilABatchEndsIt) {
  RecordCache cache("u");
  ASSERT_TRUE(cache.Fill("ua", "1", cache.Find("ua").version));
  const uint64_t stamp = cache.Find("ua").version;
  EXPECT_FALSE(cache.Find("ua").note.has_value());
  cache.Keep("ua", stamp, {-7, IsWrittenAt("x")});
  EXPECT_EQ(cache.Find("ua").note, -7);
  for (int i = 0; i < 100; ++i) Write(&cache, Batch(Key(i), "another record"));
  EXPECT_EQ(cache.Find("ua").note, -7);
  EXPECT_EQ(cache.Find("ua").version, stamp);
  Write(&cache, {{"ua", "2"}, {"y", "of another table"}});
  EXPECT_EQ(cache.Find("ua").value, "2");
  EXPECT_EQ(cache.Find("ua").note, -7);
  Write(&cache, {{"ua", "2"}, {"x", "of another table"}});
  EXPECT_EQ(cache.Find("ua").value, "2");
  EXPECT_FALSE(cache.Find("ua").note.has_value());
  EXPECT_NE(cache.Find("ua").version, stamp);
}

TEST(RecordCache, ANoteThatAWriteOvertookIsNotKept) {
  RecordCache cache("u");
  const auto batch = Batch("ua", "1");
  cache.Fill("ua", "1", cache.Find("ua").version);
  const uint64_t stamp = cache.Find("ua").version;
  cache.BeginWrite(batch);
  cache.Keep("ua", stamp, {7, IsWrittenAt("x")});
  cache.EndWrite(batch);
  cache.Keep("ua", stamp, {7, IsWrittenAt("x")});
  EXPECT_FALSE(cache.Find("ua").note.has_value());
  cache.Keep("ub", stamp, {7, IsWrittenAt("x")});  // No such record.
  EXPECT_FALSE(cache.Find("ub").hit);
}

// A record that fell out of memory and came back with nothing written meanwhile.
TEST(RecordCache, AStampComesBackOnlyWithTheValueItHad) {
  RecordCache cache("u");
  cache.Fill("ua", "1", cache.Find("ua").version);
  const uint64_t stamp = cache.Find("ua").version;
  for (int i = 0; i < 100'000; ++i) cache.Fill(Key(i), "v", cache.Find(Key(i)).version);
  ASSERT_FALSE(cache.Find("ua").hit);
  cache.Fill("ua", "1", cache.Find("ua").version);
  EXPECT_EQ(cache.Find("ua").version, stamp);
  for (int i = 0; i < 100'000; ++i) cache.Fill(Key(i), "v", cache.Find(Key(i)).version);
  ASSERT_FALSE(cache.Find("ua").hit);
  Write(&cache, Batch("ua", "1"));
  cache.Fill("ua", "1", cache.Find("ua").version);
  EXPECT_NE(cache.Find("ua").version, stamp);
}

// A snapshot that was installed takes the place of a view while somebody looks at it.
TEST(RecordCache, StampsOfTwoCachesDiffer) {
  RecordCache before("u"), after("u");
  before.Fill("ua", "1", before.Find("ua").version);
  after.Fill("ua", "1", after.Find("ua").version);
  after.Keep("ua", before.Find("ua").version, {7, IsWrittenAt("ua")});
  EXPECT_FALSE(after.Find("ua").note.has_value());
}

// Two readers, one on each side of a write that is on its way: whichever is kept, the other's value would
// follow it. So neither is. Found by NeverGoesBackUnderConcurrentWrites under AddressSanitizer.
TEST(RecordCache, KeepsNothingThatWasReadDuringAWrite) {
  RecordCache cache("u");
  const auto batch = Batch("ua", "new");
  const uint64_t before = cache.Find("ua").version;
  cache.BeginWrite(batch);
  const uint64_t during = cache.Find("ua").version;
  cache.Fill("ua", "new", during);
  cache.Fill("ua", "old", before);
  EXPECT_FALSE(cache.Find("ua").hit);
  cache.EndWrite(batch);
  cache.Fill("ua", "old", before);
  cache.Fill("ua", "old", during);
  EXPECT_FALSE(cache.Find("ua").hit);
  cache.Fill("ua", "new", cache.Find("ua").version);
  EXPECT_EQ(cache.Find("ua").value, "new");
}

// What is kept already is not shown while LevelDB may have the next value.
TEST(RecordCache, LooksIntoLevelDbDuringAWrite) {
  RecordCache cache("u");
  cache.Fill("ua", "old", cache.Find("ua").version);
  cache.Fill("ub", "other", cache.Find("ub").version);
  const auto batch = Batch("ua", "new");
  cache.BeginWrite(batch);
  EXPECT_FALSE(cache.Find("ua").hit);
  EXPECT_EQ(cache.Find("ub").value, "other");
  cache.EndWrite(batch);
  EXPECT_EQ(cache.Find("ua").value, "new");
}

TEST(RecordCache, LargeValuesAreNotKept) {
  RecordCache cache("u");
  const std::string large(64 << 10, 'x');
  cache.Fill("ua", large, cache.Find("ua").version);
  EXPECT_FALSE(cache.Find("ua").hit);
  cache.Fill("ua", "small", cache.Find("ua").version);
  Write(&cache, Batch("ua", large));
  EXPECT_FALSE(cache.Find("ua").hit);
}

TEST(RecordCache, StaysBounded) {
  RecordCache cache("u");
  for (int i = 0; i < 100'000; ++i) {
    const std::string key = Key(i);
    cache.Fill(key, "v", cache.Find(key).version);
  }
  size_t kept = 0;
  for (int i = 0; i < 100'000; ++i) kept += cache.Find(Key(i)).hit ? 1 : 0;
  EXPECT_LE(kept, 16u * 1024);
  EXPECT_GT(kept, 0u);
}

// A reader never sees a number go back while a writer counts up: the store is written first, as LevelDB is.
TEST(RecordCache, NeverGoesBackUnderConcurrentWrites) {
  RecordCache cache("u");
  std::atomic<int> store{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      int newest = 0;
      while (!done) {
        RecordCache::Found found = cache.Find("ua");
        if (!found.hit) {
          const int read = store;
          found.value = std::to_string(read);
          cache.Fill("ua", found.value, found.version);
        }
        const int seen = std::stoi(*found.value);
        ASSERT_GE(seen, newest);
        newest = seen;
      }
    });
  }
  for (int i = 1; i <= 20'000; ++i) {
    const auto batch = Batch("ua", std::to_string(i));
    cache.BeginWrite(batch);
    store = i;
    cache.EndWrite(batch);
    if (i % 7 == 0) Write(&cache, Batch("ua", std::string(64 << 10, '0')));  // Pushes it out.
  }
  done = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(cache.Find("ua").value.value_or("20000"), "20000");
}

}  // namespace
}  // namespace mom::replication
