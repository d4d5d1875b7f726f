// The view's layers and keys.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/broker/keys.h"
#include "core/broker/view.h"

namespace mom::broker {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs All(const ViewReader& view, const std::string& from = "") {
  Pairs pairs;
  auto it = view.NewIterator();
  for (it->Seek(from); it->Valid(); it->Next()) pairs.emplace_back(it->key(), it->value());
  return pairs;
}

TEST(ViewOverlay, ShowsChangesOverTheBase) {
  MemoryView base;
  base.Write({{"a", "1"}, {"c", "3"}, {"e", "5"}});
  ViewOverlay layer(&base);
  layer.Put("b", "2");
  layer.Put("c", "three");
  layer.Delete("e");
  layer.Delete("nothing");
  EXPECT_EQ(All(layer), (Pairs{{"a", "1"}, {"b", "2"}, {"c", "three"}}));
  EXPECT_EQ(All(layer, "b"), (Pairs{{"b", "2"}, {"c", "three"}}));
  EXPECT_EQ(layer.Get("e"), std::nullopt);
  EXPECT_EQ(All(base), (Pairs{{"a", "1"}, {"c", "3"}, {"e", "5"}}));
}

TEST(ViewOverlay, AnInnerLayerIsMergedOrThrownAway) {
  MemoryView base;
  base.Write({{"a", "1"}, {"b", "2"}});
  ViewOverlay outer(&base);
  outer.Put("c", "3");
  {
    ViewOverlay thrown(&outer);
    thrown.Delete("c");
    thrown.Put("a", "x");
    EXPECT_EQ(All(thrown), (Pairs{{"a", "x"}, {"b", "2"}}));
  }
  EXPECT_EQ(All(outer), (Pairs{{"a", "1"}, {"b", "2"}, {"c", "3"}}));
  ViewOverlay kept(&outer);
  kept.Delete("c");
  kept.Delete("a");
  kept.Put("d", "4");
  outer.Absorb(kept.TakeChanges());
  EXPECT_EQ(All(outer), (Pairs{{"b", "2"}, {"d", "4"}}));
}

// Method: random writes into three nested layers against one plain map for each.
TEST(ViewOverlay, NestedLayersBehaveLikeAMap) {
  std::mt19937_64 random(7);
  auto key = [&] { return std::string(1 + random() % 2, static_cast<char>('a' + random() % 6)); };
  for (int round = 0; round < 300; ++round) {
    MemoryView base;
    std::map<std::string, std::string> truth;
    ViewBatch batch;
    for (int i = 0; i < 5; ++i) batch[key()] = "base";
    base.Write(batch);
    for (const auto& [k, v] : batch) truth[k] = *v;
    ViewOverlay middle(&base);
    ViewOverlay top(&middle);
    for (ViewOverlay* layer : {&middle, &top}) {
      for (int i = 0; i < 6; ++i) {
        const std::string k = key();
        if (random() % 2) {
          layer->Delete(k);
          truth.erase(k);
        } else {
          layer->Put(k, std::to_string(i));
          truth[k] = std::to_string(i);
        }
      }
    }
    ASSERT_EQ(All(top), Pairs(truth.begin(), truth.end())) << round;
    const std::string from = key();
    ASSERT_EQ(All(top, from), Pairs(truth.lower_bound(from), truth.end())) << round;
    middle.Absorb(top.TakeChanges());
    ASSERT_EQ(All(middle), Pairs(truth.begin(), truth.end())) << round;
    base.Write(middle.changes());
    ASSERT_EQ(All(base), Pairs(truth.begin(), truth.end())) << round;
  }
}

TEST(Keys, OrderAsTheTablesNeedIt) {
  EXPECT_LT(keys::Message(keys::kLeased, 1, 255), keys::Message(keys::kLeased, 1, 256));
  EXPECT_LT(keys::Ready(keys::kReady, 1, 9, 500),
            keys::Ready(keys::kReady, 1, 0, 1));  // High priority first.
  EXPECT_LT(keys::Timer(255, keys::kTimerLease, ""), keys::Timer(256, keys::kTimerDelay, ""));
  EXPECT_LT(keys::Timer(5, keys::kTimerDelay, ""), keys::Timer(5, keys::kTimerExpire, ""));
}

TEST(Keys, NoContentReachesIntoTheNextComponent) {
  EXPECT_NE(keys::Grant("ab", "c"), keys::Grant("a", "bc"));
  EXPECT_FALSE(keys::Grant("ab", "c").starts_with(keys::Prefix(keys::kGrant, "a")));
  const std::string group_a = keys::GroupMember(1, "a", 0).substr(0, 11);
  EXPECT_FALSE(keys::GroupMember(1, "ab", 0).starts_with(group_a));
}

TEST(Keys, NumbersComeBack) {
  for (uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{255}, uint64_t{1} << 40, UINT64_MAX}) {
    std::string bytes = "x";
    keys::AppendU64(&bytes, value);
    EXPECT_EQ(keys::ReadU64(bytes, 1), value);
  }
}

TEST(Keys, TableLettersAreDistinct) {
  const std::string letters = {keys::kApplied,
                               keys::kEnvelope,
                               keys::kReferences,
                               keys::kQueueState,
                               keys::kDelayed,
                               keys::kDedup,
                               keys::kGroup,
                               keys::kGrant,
                               keys::kGroupMember,
                               keys::kKey,
                               keys::kKeyRing,
                               keys::kKeyRingState,
                               keys::kLeased,
                               keys::kOwned,
                               keys::kPatternOf,
                               keys::kQueue,
                               keys::kReady,
                               keys::kReturned,
                               keys::kSession,
                               keys::kSessionOf,
                               keys::kTimer,
                               keys::kTopic,
                               keys::kUser,
                               keys::kSubscription,
                               keys::kSubscriberOf,
                               keys::kWaiting,
                               keys::kSubscribedQueue,
                               keys::kDeadLetterOf,
                               keys::kSubscriptionOf,
                               keys::kTopicGrant,
                               keys::kQueueName,
                               keys::kDead};
  EXPECT_EQ(std::set<char>(letters.begin(), letters.end()).size(), letters.size());
}

}  // namespace
}  // namespace mom::broker
