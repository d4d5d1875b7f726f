// Users and sessions.
#include <gtest/gtest.h>

#include "core/broker/keys.h"
#include "core/broker/limits.h"
#include "tests/core/broker_harness.h"

namespace mom::broker::test {
namespace {

v1::DeleteUser Deletion(const std::string& name) {
  v1::DeleteUser command;
  command.set_name(name);
  return command;
}

v1::CreateUser Registration(const std::string& name, bool admin = false) {
  v1::CreateUser command;
  command.set_name(name);
  command.set_password_hash("hash");
  command.set_admin(admin);
  return command;
}

TEST(Users, NamesAreUniqueAndWellFormed) {
  Harness h;
  EXPECT_EQ(h.Anonymously(Registration("ann")).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.Anonymously(Registration("ann")).error(), v1::ERROR_USER_EXISTS);
  for (const char* name : {"", "-a", "a b", "\xC3\xA9", "a/b"}) {
    EXPECT_EQ(h.Anonymously(Registration(name)).error(), v1::ERROR_MALFORMED) << name;
  }
  EXPECT_EQ(h.Anonymously(Registration(std::string(128, 'a'))).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.Anonymously(Registration(std::string(129, 'a'))).error(), v1::ERROR_MALFORMED);
  v1::CreateUser without_hash;
  without_hash.set_name("bob");
  EXPECT_EQ(h.Anonymously(without_hash).error(), v1::ERROR_MALFORMED);
}

TEST(Users, OnlyTheFirstIsAdministrator) {
  Harness h;
  EXPECT_TRUE(h.UserNamed("admin").admin());
  EXPECT_EQ(h.Anonymously(Registration("eve", true)).error(), v1::ERROR_NOT_ALLOWED);
  EXPECT_EQ(h.As("admin", Registration("eve", true)).error(), v1::ERROR_NOT_ALLOWED);
}

TEST(Users, APasswordIsChangedByItsUserOnlyAndEndsTheOtherSessions) {
  Harness h;
  h.AddUser("ann");
  EXPECT_EQ(h.Connect("ann", 1, 1000).error(), v1::ERROR_NONE);
  v1::ChangePassword change;
  change.set_name("ann");
  change.set_password_hash("new");
  change.set_password_revision(h.UserNamed("ann").password_revision());
  EXPECT_EQ(h.As("admin", change).error(), v1::ERROR_NOT_ALLOWED);
  EXPECT_EQ(h.As("ann", change).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.UserNamed("ann").password_hash(), "new");
  EXPECT_EQ(h.UserNamed("ann").sessions(), 1u);
  EXPECT_TRUE(h.view.Get(keys::Session(TokenHash("ann", 0))));
  EXPECT_FALSE(h.view.Get(keys::Session(TokenHash("ann", 1))));
  EXPECT_EQ(h.As("ann", change).error(), v1::ERROR_CREDENTIALS_CHANGED);  // The old revision.
}

TEST(Users, DeletionIsForOneselfOrTheAdministrator) {
  Harness h;
  h.AddUser("ann");
  h.AddUser("bob");
  EXPECT_EQ(h.As("bob", Deletion("ann")).error(), v1::ERROR_NOT_ALLOWED);
  EXPECT_EQ(h.As("admin", Deletion("nobody")).error(), v1::ERROR_USER_NOT_FOUND);
  EXPECT_EQ(h.As("admin", Deletion("ann")).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("bob", Deletion("bob")).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("bob", Take("q")).error(), v1::ERROR_SESSION_INVALID);
  EXPECT_EQ(h.As("admin", Deletion("admin")).error(), v1::ERROR_LAST_ADMIN);
}

TEST(Users, DeletionTakesEverythingAlongInOneEntry) {
  Harness h;
  for (const char* name : {"ann", "bob"}) h.AddUser(name);
  v1::CreateQueue shared = QueueNamed("shared");
  *shared.mutable_settings()->mutable_senders() = Users({"ann", "bob"});
  *shared.mutable_settings()->mutable_receivers() = Users({"ann"});
  EXPECT_EQ(h.As("bob", shared).error(), v1::ERROR_NONE);
  v1::CreateQueue pair = QueueNamed("pair");
  pair.mutable_settings()->set_receiver("ann");
  EXPECT_EQ(h.As("bob", pair).error(), v1::ERROR_NONE);
  v1::CreateTopic news, own;
  news.set_name("news");
  *news.mutable_publishers() = Users({"ann"});
  own.set_name("own");
  EXPECT_EQ(h.As("bob", news).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("ann", own).error(), v1::ERROR_NONE);
  v1::Subscribe to_news, to_own;
  to_news.set_topic("news");
  to_own.set_topic("own");
  EXPECT_EQ(h.As("ann", to_news).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("bob", to_own).error(), v1::ERROR_NONE);
  h.Send("bob", "shared", "one");
  h.Send("bob", "pair", "two");
  EXPECT_EQ(h.As("ann", Take("shared")).receive().messages_size(), 1);
  EXPECT_EQ(h.As("ann", Take("pair")).receive().messages_size(), 1);

  EXPECT_EQ(h.As("ann", Deletion("ann")).error(), v1::ERROR_NONE);
  EXPECT_TRUE(h.woken.contains("shared"));
  EXPECT_EQ(h.Counts("shared").ready(), 1u);
  EXPECT_EQ(h.Record("shared").settings().senders().users_size(), 1);
  EXPECT_EQ(h.Record("pair").settings().receiver(), "");
  EXPECT_EQ(h.Drain("bob", "pair"), std::vector<std::string>{"two"});  // What it holds can be drained.
  EXPECT_EQ(h.As("bob", ToTopic("own", {"x"})).error(), v1::ERROR_TOPIC_NOT_FOUND);
  EXPECT_EQ(h.UserNamed("bob").subscriptions(), 0u);
  const v1::Reply again = h.As("bob", Take("shared"));
  EXPECT_EQ(again.receive().messages(0).attempt(), 1u);  // The deleted holder's attempt does not count.
}

TEST(Users, WhoOwnsMessagesStays) {
  Harness h;
  h.AddUser("ann");
  h.AddQueue("ann", "q");
  h.Send("ann", "q", "x");
  EXPECT_EQ(h.As("ann", Deletion("ann")).error(), v1::ERROR_USER_OWNS_MESSAGES);
  h.Drain("ann", "q");
  EXPECT_EQ(h.As("ann", Deletion("ann")).error(), v1::ERROR_NONE);
  EXPECT_FALSE(FindQueue(h.view, "q"));
}

// Leases went back through the dead-letter rules: into a queue of the deleted user, which the same entry
// removes, and one position of the entry for each.
TEST(Users, LeasesOfADeletedUserGoBackAndNowhereElse) {
  Harness h;
  for (const char* name : {"ann", "bob"}) h.AddUser(name);
  v1::CreateQueue dead = QueueNamed("dead");
  dead.mutable_settings()->mutable_senders()->set_anyone(true);
  EXPECT_EQ(h.As("ann", dead).error(), v1::ERROR_NONE);
  v1::CreateQueue work = QueueNamed("work");
  work.mutable_settings()->set_dead_letter("dead");
  *work.mutable_settings()->mutable_receivers() = Users({"ann"});
  EXPECT_EQ(h.As("bob", work).error(), v1::ERROR_NONE);
  v1::NewMessage mortal;
  mortal.set_body("mortal");
  mortal.set_ttl_ms(1000);
  h.Send("bob", "work", mortal);
  h.Send("bob", "work", "worn");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(h.As("ann", NackOf("work", h.As("ann", Take("work", 2)))).error(), v1::ERROR_NONE);
  }
  EXPECT_EQ(h.As("ann", Take("work", 2)).receive().messages_size(), 2);
  v1::UpdateQueue strict = UpdateOf("work");
  strict.set_max_attempts(1);
  EXPECT_EQ(h.As("bob", strict).error(), v1::ERROR_NONE);
  h.PassAndClock(2000);  // The time to live runs out while the message is held.
  EXPECT_EQ(h.As("ann", Deletion("ann")).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.Counts("work").ready(), 2u);
  h.Clock();
  EXPECT_EQ(h.Drain("bob", "work"), std::vector<std::string>{"worn"});
}

// More leases than an entry has positions.
TEST(Users, AUserWithVeryManyLeasesCanBeDeleted) {
  Harness h;
  h.AddUser("ann");
  h.check_every = 5;
  v1::CreateQueue dead = QueueNamed("dead"), work = QueueNamed("work");
  work.mutable_settings()->set_dead_letter("dead");
  work.mutable_settings()->set_max_attempts(2);
  work.mutable_settings()->set_ttl_ms(1000);
  *work.mutable_settings()->mutable_receivers() = Users({"ann"});
  EXPECT_EQ(h.As("admin", dead).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("admin", work).error(), v1::ERROR_NONE);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(h.As("admin", ToQueue("work", std::vector<std::string>(1000, "x"))).error(), v1::ERROR_NONE);
    EXPECT_EQ(h.As("ann", Take("work", 1000)).receive().messages_size(), 1000);
  }
  h.Pass(2000);
  EXPECT_EQ(h.As("admin", Deletion("ann")).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.Counts("work").ready(), 5000u);
  while (NextDue(h.view) && NextDue(h.view)->ms <= h.now_ms) h.Clock();  // A bounded amount an entry.
  EXPECT_EQ(h.Counts("work").ready(), 0u);
  EXPECT_EQ(h.Counts("dead").ready(), 5000u);
}

// A lost password is no dead end: an administrator gives a new one.
TEST(Users, AnAdministratorSetsPasswordAndFlagOfAnotherUser) {
  Harness h;
  for (const char* name : {"ann", "bob"}) h.AddUser(name);
  const uint64_t revision = h.UserNamed("ann").password_revision();
  v1::UpdateUser update;
  update.set_name("ann");
  EXPECT_EQ(h.As("admin", update).error(), v1::ERROR_MALFORMED);  // Nothing to do.
  update.set_password_hash("given");
  EXPECT_EQ(h.As("bob", update).error(), v1::ERROR_NOT_ALLOWED);
  EXPECT_EQ(h.As("ann", update).error(), v1::ERROR_NOT_ALLOWED);
  EXPECT_EQ(h.As("admin", update).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.UserNamed("ann").password_hash(), "given");
  EXPECT_GT(h.UserNamed("ann").password_revision(), revision);  // Logins under way were for the old one.
  EXPECT_EQ(h.UserNamed("ann").sessions(), 0u);
  EXPECT_EQ(h.As("ann", Take("q")).error(), v1::ERROR_SESSION_INVALID);
  update.set_name("nobody");
  EXPECT_EQ(h.As("admin", update).error(), v1::ERROR_USER_NOT_FOUND);
  update.set_name("admin");
  EXPECT_EQ(h.As("admin", update).error(), v1::ERROR_NOT_ALLOWED);  // Needs the current one.
}

TEST(Users, TheLastAdministratorCannotBeDemotedOthersCan) {
  Harness h;
  h.AddUser("ann");
  v1::UpdateUser promote, demote;
  promote.set_name("ann");
  promote.set_admin(true);
  demote.set_name("admin");
  demote.set_admin(false);
  EXPECT_EQ(h.As("admin", demote).error(), v1::ERROR_LAST_ADMIN);
  EXPECT_EQ(h.As("admin", promote).error(), v1::ERROR_NONE);
  EXPECT_TRUE(h.UserNamed("ann").admin());
  EXPECT_EQ(h.Connect("ann", 0, 1'000'000).error(), v1::ERROR_NONE);
  EXPECT_EQ(h.As("admin", demote).error(), v1::ERROR_NONE);  // The own flag; the session that acts stays.
  EXPECT_EQ(h.As("admin", promote).error(), v1::ERROR_NOT_ALLOWED);
  demote.set_name("ann");
  EXPECT_EQ(h.As("ann", demote).error(), v1::ERROR_LAST_ADMIN);
  EXPECT_EQ(h.As("ann", Deletion("ann")).error(), v1::ERROR_LAST_ADMIN);
  EXPECT_EQ(h.As("ann", Deletion("admin")).error(), v1::ERROR_NONE);
}

}  // namespace
}  // namespace mom::broker::test
