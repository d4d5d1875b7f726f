// Topics and subscriptions.
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "core/broker/keys.h"
#include "core/broker/routing.h"
#include "tests/core/broker_harness.h"

namespace mom::broker::test {
namespace {

using Strings = std::vector<std::string>;

TEST(Patterns, StarIsOneWordAndHashAnyNumber) {
  const std::vector<std::tuple<const char*, const char*, bool>> table = {
      {"a", "a", true},         {"a", "b", false},       {"*", "a", true},        {"*", "a.b", false},
      {"#", "a", true},         {"#", "a.b.c", true},    {"a.#", "a", true},      {"a.#", "a.b.c", true},
      {"a.#", "b", false},      {"#.c", "a.b.c", true},  {"#.c", "c", true},      {"#.c", "a.b", false},
      {"a.*.c", "a.b.c", true}, {"a.*.c", "a.c", false}, {"a.#.c", "a.c", true},  {"a.#.c", "a.x.y.c", true},
      {"*.*", "a.b", true},     {"*.*", "a", false},     {"#.#", "a", true},      {"#.*.#", "a", true},
      {"*.#.*", "a", false},    {"a.b", "ab", false},    {"#.b.#", "a.b.c", true}};
  for (const auto& [pattern, topic, matches] : table) {
    EXPECT_EQ(MatchesPattern(pattern, topic), matches) << pattern << " " << topic;
  }
}

TEST(Patterns, AreWordsStarsAndHashes) {
  for (const char* good : {"a", "*", "#", "a.*.b-c_D", "#.#"}) EXPECT_TRUE(IsPattern(good)) << good;
  for (const char* bad : {"", ".", "a..b", "a.", "a*", "##", "a b", "\xC3\xA9"})
    EXPECT_FALSE(IsPattern(bad)) << bad;
  EXPECT_FALSE(IsPattern(std::string(129, 'a')));
}

TEST(Patterns, ManyHashesTakeNoLongTime) {
  std::string pattern = "#", topic = "a";
  for (int i = 0; i < 60; ++i) pattern += ".#", topic += ".a";
  EXPECT_FALSE(MatchesPattern(pattern + ".b", topic));
}

class Topics : public ::testing::Test {
 protected:
  Topics() {
    for (const char* name : {"ann", "bob", "cy"}) h.AddUser(name);
    v1::CreateTopic create;
    create.set_name("news.sport");
    EXPECT_EQ(h.As("ann", create).error(), v1::ERROR_NONE);
  }
  v1::Reply Subscribe(const std::string& user, const std::string& topic, const std::string& queue = "") {
    v1::Subscribe command;
    command.set_topic(topic);
    command.set_queue(queue);
    return h.As(user, command);
  }
  v1::Reply SubscribePattern(const std::string& user, const std::string& pattern,
                             const std::string& queue = "") {
    v1::Subscribe command;
    command.set_pattern(pattern);
    command.set_queue(queue);
    return h.As(user, command);
  }
  v1::Reply Publish(const std::string& body) { return h.As("ann", ToTopic("news.sport", {body})); }
  size_t Stored(char table) {
    const auto& all = h.view.contents();
    return static_cast<size_t>(
        std::count_if(all.begin(), all.end(), [&](auto& kv) { return kv.first[0] == table; }));
  }
  Harness h;
};

TEST_F(Topics, EverySubscriberGetsOneAndTheBodyIsStoredOnce) {
  const std::string b = Subscribe("bob", "news.sport").subscribe().queue();
  const std::string c = Subscribe("cy", "news.sport").subscribe().queue();
  EXPECT_EQ(Publish("goal").publish().delivered(), 2u);
  EXPECT_EQ(Stored(keys::kEnvelope), 1u);
  v1::Receive receive = Take(b);
  receive.set_auto_ack(true);
  const v1::Reply got = h.As("bob", receive);
  EXPECT_EQ(got.receive().messages(0).envelope().sender(), "ann");
  EXPECT_EQ(got.receive().messages(0).envelope().topic(), "news.sport");
  EXPECT_EQ(Stored(keys::kEnvelope), 1u);
  EXPECT_EQ(h.Drain("cy", c), Strings{"goal"});
  EXPECT_EQ(Stored(keys::kEnvelope), 0u);  // The last one let go.
  EXPECT_EQ(Stored(keys::kReferences), 0u);
}

TEST_F(Topics, NobodySubscribedIsNoErrorAndStoresNothing) {
  const v1::Reply reply = Publish("x");
  EXPECT_EQ(reply.error(), v1::ERROR_NONE);
  EXPECT_EQ(reply.publish().delivered(), 0u);
  EXPECT_EQ(reply.publish().ids_size(), 1);
  EXPECT_EQ(Stored(keys::kEnvelope), 0u);
}

TEST_F(Topics, AQueueGetsAMessageOnceHoweverManyMatch) {
  h.AddQueue("bob", "one");
  SubscribePattern("bob", "news.#", "one");
  SubscribePattern("bob", "#", "one");
  Subscribe("bob", "news.sport", "one");
  EXPECT_EQ(Publish("1").publish().delivered(), 1u);
  EXPECT_EQ(h.Drain("bob", "one"), Strings{"1"});
}

// Only the first matching pattern's queue got it, and none of them when there was an exact subscription.
TEST_F(Topics, EveryQueueWithAMatchingSubscriptionGetsTheMessage) {
  for (const char* queue : {"exact", "first", "second"}) h.AddQueue("bob", queue);
  SubscribePattern("bob", "news.#", "first");
  SubscribePattern("bob", "#", "second");
  EXPECT_EQ(Publish("1").publish().delivered(), 2u);
  Subscribe("bob", "news.sport", "exact");
  EXPECT_EQ(Publish("2").publish().delivered(), 3u);
  EXPECT_EQ(h.Drain("bob", "first"), (Strings{"1", "2"}));
  EXPECT_EQ(h.Drain("bob", "second"), (Strings{"1", "2"}));
  EXPECT_EQ(h.Drain("bob", "exact"), Strings{"2"});
}

TEST_F(Topics, SubscribingAgainIsTheSame) {
  const v1::Reply first = Subscribe("bob", "news.sport");
  const v1::Reply again = Subscribe("bob", "news.sport");
  EXPECT_TRUE(again.existed());
  EXPECT_EQ(again.subscribe().id(), first.subscribe().id());
  h.AddQueue("bob", "other");
  EXPECT_EQ(Subscribe("bob", "news.sport", "other").error(), v1::ERROR_SUBSCRIPTION_EXISTS);
}

TEST_F(Topics, ASubscriptionNeedsAnOwnQueueAndOneTarget) {
  v1::CreateQueue open = QueueNamed("open");
  open.mutable_settings()->mutable_senders()->set_anyone(true);
  EXPECT_EQ(h.As("cy", open).error(), v1::ERROR_NONE);
  EXPECT_EQ(Subscribe("bob", "news.sport", "open").error(), v1::ERROR_NOT_OWNER);
  EXPECT_EQ(Subscribe("bob", "news.sport", "none").error(), v1::ERROR_QUEUE_NOT_FOUND);
  EXPECT_EQ(Subscribe("bob", "nothing").error(), v1::ERROR_TOPIC_NOT_FOUND);
  EXPECT_EQ(SubscribePattern("bob", "a..b").error(), v1::ERROR_MALFORMED);
  v1::Subscribe both;
  both.set_topic("news.sport");
  both.set_pattern("#");
  EXPECT_EQ(h.As("bob", both).error(), v1::ERROR_MALFORMED);
  EXPECT_EQ(h.As("bob", v1::Subscribe()).error(), v1::ERROR_MALFORMED);
}

TEST_F(Topics, NothingArrivesAfterUnsubscribing) {
  const v1::Reply subscribed = Subscribe("bob", "news.sport");
  const std::string queue = subscribed.subscribe().queue();
  Publish("before");
  v1::Unsubscribe by_id;
  by_id.set_id(subscribed.subscribe().id());
  EXPECT_EQ(h.As("cy", by_id).error(), v1::ERROR_SUBSCRIPTION_NOT_FOUND);  // Not cy's.
  EXPECT_EQ(h.As("bob", by_id).error(), v1::ERROR_NONE);
  EXPECT_EQ(Publish("after").publish().delivered(), 0u);
  EXPECT_EQ(h.Drain("bob", queue), Strings{"before"});
  Subscribe("bob", "news.sport", queue);
  v1::Unsubscribe mine;
  mine.set_topic("news.sport");
  EXPECT_EQ(h.As("bob", mine).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("bob", mine).error(), v1::ERROR_SUBSCRIPTION_NOT_FOUND);
}

TEST_F(Topics, OnlyPublishersPublish) {
  EXPECT_EQ(h.As("bob", ToTopic("news.sport", {"x"})).error(), v1::ERROR_NOT_ALLOWED);
  EXPECT_EQ(h.As("admin", ToTopic("news.sport", {"x"})).error(), v1::ERROR_NOT_ALLOWED);
  v1::CreateTopic create;
  create.set_name("open");
  *create.mutable_publishers() = Users({"bob"});
  EXPECT_EQ(h.As("ann", create).error(), v1::ERROR_NONE);
  EXPECT_TRUE(h.As("ann", create).existed());
  EXPECT_EQ(h.As("cy", create).error(), v1::ERROR_TOPIC_EXISTS);
  EXPECT_EQ(h.As("bob", ToTopic("open", {"x"})).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("cy", ToTopic("open", {"x"})).error(), v1::ERROR_NOT_ALLOWED);
}

TEST_F(Topics, OnlyTheCreatorDeletesAndQueuesKeepWhatTheyHold) {
  const std::string queue = Subscribe("bob", "news.sport").subscribe().queue();
  Publish("kept");
  v1::DeleteTopic remove;
  remove.set_name("news.sport");
  EXPECT_EQ(h.As("admin", remove).error(), v1::ERROR_NOT_OWNER);
  EXPECT_EQ(h.As("ann", remove).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.UserNamed("bob").subscriptions(), 0u);
  EXPECT_EQ(h.Drain("bob", queue), Strings{"kept"});
}

TEST_F(Topics, ClosedAndFullQueuesAreSkippedAndCounted) {
  v1::CreateQueue small = QueueNamed("small");
  small.mutable_settings()->set_max_messages(1);
  EXPECT_EQ(h.As("bob", small).error(), v1::ERROR_NONE);
  Subscribe("bob", "news.sport", "small");
  const std::string c = Subscribe("cy", "news.sport").subscribe().queue();
  EXPECT_EQ(Publish("1").publish().skipped(), 0u);
  const v1::Reply second = Publish("2");
  EXPECT_EQ(second.publish().delivered(), 1u);
  EXPECT_EQ(second.publish().skipped(), 1u);
  EXPECT_EQ(h.Drain("cy", c), (Strings{"1", "2"}));
}

TEST_F(Topics, DedupIsForTheTopic) {
  const std::string queue = Subscribe("bob", "news.sport").subscribe().queue();
  v1::Publish publish = ToTopic("news.sport", {"x"});
  publish.mutable_messages(0)->set_dedup_id("d");
  const v1::Reply first = h.As("ann", publish), again = h.As("ann", publish);
  EXPECT_EQ(again.publish().ids(0), first.publish().ids(0));
  EXPECT_EQ(again.publish().delivered(), 0u);  // Nobody got it this time.
  EXPECT_EQ(h.Drain("bob", queue), Strings{"x"});
}

TEST_F(Topics, DeletingASubscribedQueueEndsTheSubscription) {
  const std::string queue = Subscribe("bob", "news.sport").subscribe().queue();
  v1::DeleteQueue remove;
  remove.set_name(queue);
  EXPECT_EQ(h.As("bob", remove).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.UserNamed("bob").subscriptions(), 0u);
  EXPECT_EQ(Publish("x").publish().delivered(), 0u);
}

TEST_F(Topics, DeclaredAgainWithOtherPublishersSaysSo) {
  v1::CreateTopic create;
  create.set_name("own.news");
  EXPECT_EQ(h.As("ann", create).error(), v1::ERROR_NONE);
  create.mutable_publishers()->set_anyone(true);
  const v1::Reply refused = h.As("ann", create);
  EXPECT_EQ(refused.error(), v1::ERROR_TOPIC_EXISTS);
  ASSERT_EQ(refused.differences_size(), 1);
  EXPECT_EQ(refused.differences(0).setting(), "publishers");
  EXPECT_NE(refused.detail().find("publishers is none, not *"), std::string::npos) << refused.detail();
  EXPECT_EQ(h.As("admin", create).differences_size(), 0);
}

}  // namespace
}  // namespace mom::broker::test
