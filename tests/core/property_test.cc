// Goal: the broker does what the naive model does, and the same log always gives the same bytes.
// Method: seeded random commands go to both; every answer is compared, and the contents every few steps. The
// log of every seed is applied again in other batch sizes and from a copy of the view in the middle.
// MOM_PROPERTY_SEEDS=N runs N seeds; MOM_PROPERTY_FIRST=S begins at seed S, to replay a failure.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/broker/access.h"
#include "core/broker/broker.h"
#include "core/broker/keys.h"
#include "tests/core/broker_harness.h"
#include "tests/core/naive_model.h"
#include "tests/core/oldest_follower.h"
#include "tests/core/random_commands.h"
#include "tests/core/view_check.h"

namespace mom::broker::test {
namespace {

constexpr int kSteps = 500;
constexpr int kCompareEvery = 20;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value ? std::strtoull(value, nullptr, 10) : otherwise;
}

// What the runs met, so that a generator that only makes refusals does not pass for a test.
struct Coverage {
  std::map<int, uint64_t> done;     // By kind of command.
  std::map<int, uint64_t> refused;  // By error.
  uint64_t deliveries = 0, redeliveries = 0, waiting = 0, delayed = 0, dead = 0, moved = 0, replayed = 0,
           duplicates = 0, shared = 0, oldest_kept = 0, oldest_ended = 0, entries = 0, expired = 0,
           hindered = 0, lost = 0;

  void Note(const v1::Command& command, const v1::Reply& reply) {
    ++entries;
    if (reply.error()) {
      ++refused[reply.error()];
    } else {
      ++done[command.body_case()];
    }
    replayed += reply.replayed();
    for (const auto& delivery : reply.receive().messages()) {
      ++deliveries;
      redeliveries += delivery.attempt() > 1;
    }
    for (const auto& failed : reply.receipts().failed()) ++refused[failed.error()];
    for (bool duplicate : reply.publish().duplicates()) duplicates += duplicate;
    shared += reply.publish().delivered() > 1;
  }
  template <typename Record>
  static Record Parse(const std::string& value) {
    Record record;
    EXPECT_TRUE(record.ParseFromString(value));
    return record;
  }
  void NoteDead(const std::string& reason) {
    expired += reason.starts_with("time to live ran out");
    hindered +=
        reason.find("' is full") != std::string::npos || reason.find("' is closed") != std::string::npos;
    lost += reason.find("' is gone") != std::string::npos;
  }
  void Note(const MemoryView& view) {
    for (const auto& [key, value] : view.contents()) {
      waiting += key[0] == keys::kWaiting;
      delayed += key[0] == keys::kDelayed;
      dead += key[0] == keys::kDead;
      if (key[0] == keys::kDead) NoteDead(Parse<v1::MessageState>(value).reason());
      if (key[0] == keys::kEnvelope) moved += Parse<v1::Envelope>(value).dead_letter_count() > 0;
    }
  }
};

// One run of both, side by side.
class Race {
 public:
  Race(uint64_t seed, Coverage* coverage) : random_(seed), coverage_(coverage) {}

  // What went wrong, if anything did.
  std::string Run() {
    for (const char* name : {"admin", "ann", "bob", "cy"}) {
      v1::Command create;
      create.mutable_create_user()->set_name(name);
      create.mutable_create_user()->set_password_hash("hash");
      create.mutable_create_user()->set_admin(log.empty());
      if (auto wrong = Command(create); !wrong.empty()) return wrong;
      v1::Command connect;
      connect.mutable_create_session()->set_name(name);
      connect.mutable_create_session()->set_token_hash(TokenHash(name));
      connect.mutable_create_session()->set_password_revision(model_.users[name].revision);
      connect.mutable_create_session()->set_ttl_ms(366LL * 24 * 3600 * 1000);
      if (auto wrong = Command(connect); !wrong.empty()) return wrong;
    }
    for (int step = 0; step < kSteps; ++step) {
      now_ms_ += random_.TimeStepMs();
      std::string wrong = random_.IsClock() ? Clock() : Command(random_.Next(model_));
      if (wrong.empty() && step % kCompareEvery == kCompareEvery - 1) wrong = Compare();
      if (!wrong.empty()) return "step " + std::to_string(step) + ": " + wrong;
    }
    coverage_->oldest_kept += oldest_.kept;
    coverage_->oldest_ended += oldest_.ended;
    return Compare();
  }

  std::vector<Entry> log;
  MemoryView view;

 private:
  std::string Compare() const {
    coverage_->Note(view);
    return model_.Compare(view) + CheckConsistency(view);
  }

  // What a waiting receive relies on: sessions, and who may receive from which queue.
  struct Held {
    std::set<std::string> sessions;
    std::map<std::string, std::set<std::string>> receivers;  // By queue.
  };
  Held WhatIsHeld() const {
    Held held;
    for (const auto& [hash, session] : model_.sessions) held.sessions.insert(hash);
    for (const auto& [name, queue] : model_.queues) {
      v1::QueueRecord record;
      record.set_owner(queue.owner);
      *record.mutable_settings() = queue.settings;
      auto& receivers = held.receivers[name];
      for (const auto& [user, more] : model_.users)
        if (MayReceive(record, user)) receivers.insert(user);
    }
    return held;
  }
  // Whatever was taken away is told of; what is told of as ended has ended.
  std::string CheckRevoked(const Held& before, const Revoked& revoked) const {
    const Held now = WhatIsHeld();
    for (const std::string& session : before.sessions) {
      const bool has_ended = !now.sessions.contains(session);
      if (has_ended != revoked.sessions.contains(session)) return " a session's end is told wrongly";
    }
    for (const auto& [name, receivers] : before.receivers) {
      const auto found = now.receivers.find(name);
      const bool is_less = found == now.receivers.end() ||
                           std::any_of(receivers.begin(), receivers.end(), [&](const std::string& user) {
                             // A deleted user's sessions are told of.
                             return model_.users.contains(user) && !found->second.contains(user);
                           });
      if (is_less && !revoked.queues.contains(name)) return " did not tell what was taken at " + name;
    }
    return "";
  }

  bool FollowsDue(const ViewBatch& changes) {
    due_ = NextDue(view, due_, changes);
    return due_ == NextDue(view);
  }

  std::string Clock() {
    log.push_back(ClockEntry(log.size(), now_ms_));
    const Applied applied = Apply(view, log.back());
    view.Write(applied.changes);
    const Held before = WhatIsHeld();
    model_.Clock(log.size() - 1, now_ms_);
    if (auto wrong = CheckRevoked(before, applied.revoked); !wrong.empty()) return wrong;
    if (!FollowsDue(applied.changes)) return "NextDue from the changes is not what the view says";
    if (auto wrong = oldest_.Follow(applied.changes, view); !wrong.empty()) return wrong;
    for (const auto& queue : applied.woken) {
      if (!model_.queues.contains(queue)) return "woke no queue";
    }
    if (auto due = NextDue(view); due && due->ms <= now_ms_) return "a clock entry left something due";
    return "";
  }

  std::string Command(const v1::Command& command) {
    std::set<std::string> quiet;  // Nothing to receive before.
    for (const auto& [name, queue] : model_.queues)
      if (!model_.HasReady(name)) quiet.insert(name);
    log.push_back(CommandEntry(log.size(), now_ms_, command));
    const Applied applied = Apply(view, log.back());
    view.Write(applied.changes);
    coverage_->Note(command, applied.reply);
    const Held before = WhatIsHeld();
    std::string wrong = model_.Step(command, log.size() - 1, now_ms_, applied.reply);
    wrong += CheckRevoked(before, applied.revoked);
    if (!FollowsDue(applied.changes)) wrong += " NextDue from the changes is not what the view says";
    wrong += oldest_.Follow(applied.changes, view);
    for (const auto& [name, queue] : model_.queues) {
      if (HasReady(view, name) != model_.HasReady(name)) wrong += " HasReady of " + name;
      if (model_.HasReady(name) && quiet.contains(name) && !applied.woken.contains(name)) {
        wrong += " did not wake " + name;
      }
    }
    if (wrong.empty()) return "";
    return wrong + "\n  command " + command.ShortDebugString() + "\n  answer " +
           applied.reply.ShortDebugString();
  }

  RandomCommands random_;
  std::optional<Timestamp> due_;
  Coverage* coverage_;
  NaiveModel model_;
  OldestFollower oldest_;
  int64_t now_ms_ = kStartMs;
};

// Applies the log in batches of `batch` entries.
MemoryView InBatches(const std::vector<Entry>& log, size_t batch) {
  MemoryView view;
  OldestFollower oldest;
  for (size_t begin = 0; begin < log.size(); begin += batch) {
    EntryBatch together(&view, *ReadAppliedState(view));
    for (size_t i = begin; i < std::min(begin + batch, log.size()); ++i) together.Apply(log[i]);
    const ViewBatch& changes = together.Finish();
    view.Write(changes);
    EXPECT_EQ(oldest.Follow(changes, view), "") << "entry " << begin << " in batches of " << batch;
  }
  return view;
}

void Show(const Coverage& c) {
  for (const auto& [kind, n] : c.done) std::printf("done %d: %lu\n", kind, n);
  for (const auto& [error, n] : c.refused) std::printf("%s: %lu\n", v1::ErrorCode_Name(error).c_str(), n);
  std::printf("entries %lu deliveries %lu redeliveries %lu waiting %lu delayed %lu dead %lu moved %lu\n",
              c.entries, c.deliveries, c.redeliveries, c.waiting, c.delayed, c.dead, c.moved);
  std::printf("expired %lu hindered %lu lost %lu\n", c.expired, c.hindered, c.lost);
  std::printf("replayed %lu duplicates %lu shared %lu oldest kept %lu ended %lu\n", c.replayed, c.duplicates,
              c.shared, c.oldest_kept, c.oldest_ended);
}

// Every command succeeded and every refusal came up, and messages got everywhere.
void CheckCoverage(const Coverage& c) {
  const auto* fields = v1::Command::descriptor()->FindOneofByName("body");
  for (int i = 0; i < fields->field_count(); ++i) {
    const int kind = fields->field(i)->number();
    EXPECT_GE(c.done.contains(kind) ? c.done.at(kind) : 0, 20u) << fields->field(i)->name();
  }
  const auto* errors = v1::ErrorCode_descriptor();
  for (int i = 0; i < errors->value_count(); ++i) {
    const int error = errors->value(i)->number();
    if (error == v1::ERROR_NONE || error == v1::ERROR_QUOTA) continue;  // Quotas are too wide for this.
    EXPECT_GE(c.refused.contains(error) ? c.refused.at(error) : 0, 5u) << errors->value(i)->name();
  }
  for (uint64_t n : {c.redeliveries, c.waiting, c.delayed, c.dead, c.moved, c.replayed, c.duplicates,
                     c.shared, c.oldest_kept, c.oldest_ended, c.expired, c.hindered, c.lost})
    EXPECT_GE(n, 100u);
}

TEST(Property, BrokerDoesWhatTheNaiveModelDoes) {
  const uint64_t first = FromEnvironment("MOM_PROPERTY_FIRST", 1);
  const uint64_t seeds = FromEnvironment("MOM_PROPERTY_SEEDS", 400);
  Coverage coverage;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    Race race(seed, &coverage);
    ASSERT_EQ(race.Run(), "") << "seed " << seed << "; replay with MOM_PROPERTY_FIRST=" << seed
                              << " MOM_PROPERTY_SEEDS=1";
    for (size_t batch : {size_t{1}, 2 + seed % 7, race.log.size()}) {
      const MemoryView again = InBatches(race.log, batch);
      ASSERT_TRUE(again.contents() == race.view.contents()) << "seed " << seed << " batch " << batch;
    }
    const auto middle = static_cast<std::ptrdiff_t>(race.log.size() / 2);
    MemoryView before = InBatches({race.log.begin(), race.log.begin() + middle}, 3);
    MemoryView restarted = before;
    for (auto it = race.log.begin() + middle; it != race.log.end(); ++it) {
      restarted.Write(Apply(restarted, *it).changes);
    }
    ASSERT_EQ(ReadAppliedState(restarted)->digest, ReadAppliedState(race.view)->digest) << "seed " << seed;
    ASSERT_TRUE(restarted.contents() == race.view.contents()) << "seed " << seed;
  }
  if (std::getenv("MOM_PROPERTY_SHOW")) Show(coverage);
  if (seeds >= 200) CheckCoverage(coverage);
}

}  // namespace
}  // namespace mom::broker::test
