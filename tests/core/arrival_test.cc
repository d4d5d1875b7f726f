// What arriving in a queue means, whichever way a message comes: published, as a dead letter, redriven.
#include <gtest/gtest.h>

#include <google/protobuf/util/message_differencer.h>

#include "core/broker/keys.h"
#include "core/broker/limits.h"
#include "tests/core/broker_harness.h"

namespace mom::broker::test {
namespace {

using google::protobuf::FieldDescriptor;
using Strings = std::vector<std::string>;

class Arrival : public ::testing::Test {
 protected:
  Arrival() { h.AddUser("ann"); }
  void Create(const std::string& name, const std::string& dead_letter, int64_t ttl_ms = 0) {
    v1::CreateQueue create = QueueNamed(name);
    create.mutable_settings()->set_max_attempts(1);
    create.mutable_settings()->set_dead_letter(dead_letter);
    create.mutable_settings()->set_ttl_ms(ttl_ms);
    EXPECT_EQ(h.As("ann", create).error(), v1::ERROR_NONE);
  }
  void SetDeadLetter(const std::string& name, const std::string& dead_letter) {
    v1::UpdateQueue update = UpdateOf(name);
    update.set_dead_letter(dead_letter);
    EXPECT_EQ(h.As("ann", update).error(), v1::ERROR_NONE);
  }
  void Close(const std::string& name) {
    v1::UpdateQueue update = UpdateOf(name);
    update.set_closed(true);
    EXPECT_EQ(h.As("ann", update).error(), v1::ERROR_NONE);
  }
  uint64_t Send(const std::string& queue, const std::string& body, int64_t ttl_ms = 0) {
    v1::NewMessage message;
    message.set_body(body);
    message.set_group("g");
    message.set_ttl_ms(ttl_ms);
    return h.Send("ann", queue, message);
  }
  // Receives one message and gives it back; false when there is none.
  bool Reject(const std::string& queue) {
    const v1::Reply received = h.As("ann", Take(queue));
    if (received.receive().messages_size() == 0) return false;
    return h.As("ann", NackOf(queue, received)).receipts().done() == 1;
  }
  v1::Reply Redrive(const std::string& queue) {
    v1::Redrive redrive;
    redrive.set_queue(queue);
    redrive.set_max(100);
    return h.As("ann", redrive);
  }
  // Of the only message of the queue, wherever it lies.
  v1::Envelope OnlyEnvelope(const std::string& queue) {
    v1::Envelope envelope;
    for (char table : {keys::kReady, keys::kReturned, keys::kDead}) {
      const std::string prefix = keys::Prefix(table, h.Record(queue).id());
      const auto it = h.view.contents().lower_bound(prefix);
      if (it == h.view.contents().end() || !it->first.starts_with(prefix)) continue;
      const uint64_t id = keys::ReadU64(it->first, it->first.size() - sizeof(uint64_t));
      EXPECT_TRUE(envelope.ParseFromString(h.view.Get(keys::Envelope(id)).value_or("?")));
    }
    return envelope;
  }
  std::string ReasonOf(const std::string& queue, uint64_t id) { return h.Find(queue, id)->state.reason(); }
  Harness h;
};

// It vanished, though a rejected one was kept.
TEST_F(Arrival, WhatExpiresIsKeptWhileItsDeadLetterQueueIsFull) {
  Create("dlq", "");
  v1::UpdateQueue small = UpdateOf("dlq");
  small.set_max_messages(1);
  h.As("ann", small);
  Create("work", "dlq");
  Send("work", "fits", 1000);
  const uint64_t first = Send("work", "kept", 1000);
  const uint64_t second = Send("work", "found by a receive", 2000);
  h.PassAndClock(1000);
  EXPECT_EQ(h.Counts("dlq").ready(), 1u);
  EXPECT_EQ(h.Counts("work").dead(), 1u);
  EXPECT_EQ(ReasonOf("work", first), "time to live ran out; not moved: dead-letter queue 'dlq' is full");
  h.Pass(1000);
  EXPECT_EQ(h.As("ann", Take("work")).receive().messages_size(), 0);
  EXPECT_EQ(h.Counts("work").dead(), 2u);
  EXPECT_EQ(ReasonOf("work", second), "time to live ran out; not moved: dead-letter queue 'dlq' is full");
  EXPECT_EQ(Redrive("work").count().count(), 2u);
  EXPECT_EQ(h.Bodies(h.As("ann", Take("work", 2))), Strings{"kept"});  // Then the other one of its group.
}

TEST_F(Arrival, WhatExpiresIsKeptWhileItsDeadLetterQueueIsClosed) {
  Create("dlq", "");
  Create("work", "dlq");
  const uint64_t id = Send("work", "x", 1000);
  const uint64_t held = h.Send("ann", "work", [] {
    v1::NewMessage message;
    message.set_body("held");
    message.set_ttl_ms(1000);
    return message;
  }());
  v1::Receive receive = Take("work", 2);
  receive.set_lease_ms(5000);
  EXPECT_EQ(h.As("ann", receive).receive().messages_size(), 2);
  Close("dlq");
  h.PassAndClock(1000);
  EXPECT_EQ(h.Counts("work").leased(), 2u);
  h.PassAndClock(4000);  // Back from the lease they are over.
  EXPECT_EQ(h.Counts("work").dead(), 2u);
  for (uint64_t kept : {id, held})
    EXPECT_EQ(ReasonOf("work", kept), "time to live ran out; not moved: dead-letter queue 'dlq' is closed");
}

TEST_F(Arrival, WhatExpiresIsKeptAfterItsDeadLetterQueueIsGone) {
  Create("dlq", "");
  Create("work", "dlq");
  const uint64_t id = Send("work", "x", 1000);
  v1::DeleteQueue remove;
  remove.set_name("dlq");
  EXPECT_EQ(h.As("ann", remove).error(), v1::ERROR_NONE);
  h.PassAndClock(1000);
  EXPECT_EQ(h.Counts("work").dead(), 1u);
  EXPECT_NE(ReasonOf("work", id).find("'dlq' is gone"), std::string::npos) << ReasonOf("work", id);
  SetDeadLetter("work", "");  // None is wanted any more.
  Send("work", "y", 1000);
  h.PassAndClock(1000);
  EXPECT_EQ(MessageCount(h.Counts("work")), 1u);
}

TEST_F(Arrival, WhatExpiresIsKeptAfterTheRightToSendDeadLettersIsWithdrawn) {
  h.AddUser("bob");
  v1::CreateQueue create = QueueNamed("dlq");
  *create.mutable_settings()->mutable_senders() = Users({"ann"});
  EXPECT_EQ(h.As("bob", create).error(), v1::ERROR_NONE);
  Create("work", "dlq");
  Send("work", "x", 1000);
  v1::UpdateQueue withdraw = UpdateOf("dlq");
  *withdraw.mutable_senders() = Users({});
  EXPECT_EQ(h.As("bob", withdraw).error(), v1::ERROR_NONE);
  h.PassAndClock(1000);
  EXPECT_EQ(h.Counts("work").dead(), 1u);
}

TEST_F(Arrival, WithoutADeadLetterQueueWhatExpiresIsGone) {
  Create("work", "");
  Send("work", "x", 1000);
  h.PassAndClock(1000);
  EXPECT_EQ(MessageCount(h.Counts("work")), 0u);
}

// It stayed in the retry queue for ever: a dead letter had no time to live there.
TEST_F(Arrival, ARetryLoopGoesRound) {
  Create("work", "");
  Create("retry", "work", 1000);
  SetDeadLetter("work", "retry");
  Send("work", "x");
  for (uint32_t round = 1; round <= 50; ++round) {
    ASSERT_TRUE(Reject("work")) << "round " << round;
    EXPECT_EQ(h.Counts("retry").ready(), 1u);
    h.PassAndClock(999);
    EXPECT_EQ(h.Counts("retry").ready(), 1u);
    EXPECT_EQ(NextDue(h.view)->ms, h.now_ms + 1);
    h.PassAndClock(1);
    ASSERT_EQ(h.Counts("work").ready(), 1u) << "round " << round;
    EXPECT_TRUE(h.woken.contains("work"));
    EXPECT_EQ(OnlyEnvelope("work").dead_letter_count(), 2 * round);
  }
  EXPECT_EQ(h.Drain("ann", "work"), Strings{"x"});
}

TEST_F(Arrival, DeadLettersGetTheTimeToLiveOfTheQueueTheyArriveInAndNotTheSenders) {
  Create("dlq", "", 5000);
  Create("work", "dlq");
  Send("work", "x", 1000);
  h.PassAndClock(1000);
  h.PassAndClock(4999);
  EXPECT_EQ(h.Counts("dlq").ready(), 1u);
  h.PassAndClock(1);
  EXPECT_EQ(MessageCount(h.Counts("dlq")), 0u);
}

TEST_F(Arrival, RedrivenMessagesGetTheTimeToLiveOfTheirQueue) {
  Create("work", "", 1000);
  const uint64_t id = Send("work", "x");
  EXPECT_TRUE(Reject("work"));
  EXPECT_EQ(h.Counts("work").dead(), 1u);
  h.PassAndClock(5000);
  EXPECT_EQ(Redrive("work").count().count(), 1u);
  EXPECT_EQ(h.Find("work", id)->state.expires_ms(), h.now_ms + 1000);
  h.PassAndClock(1000);
  EXPECT_EQ(MessageCount(h.Counts("work")), 0u);
}

TEST_F(Arrival, RedrivingNeedsNoRoomAndNoOpenQueue) {
  Create("work", "");
  v1::UpdateQueue small = UpdateOf("work");
  small.set_max_messages(1);
  h.As("ann", small);
  Send("work", "x");
  EXPECT_TRUE(Reject("work"));
  Close("work");
  EXPECT_EQ(Redrive("work").count().count(), 1u);
  EXPECT_EQ(h.Counts("work").bytes(), 1u);
  EXPECT_EQ(h.Drain("ann", "work"), Strings{"x"});
}

TEST_F(Arrival, ACycleThatNobodyReceivesFromEndsAndSaysSo) {
  Create("a", "", 1);
  Create("b", "a", 1);
  SetDeadLetter("a", "b");
  Send("a", "x");
  uint32_t entries = 0;
  for (; NextDue(h.view) && NextDue(h.view)->ms < h.now_ms + 1000; ++entries) h.PassAndClock(1);
  EXPECT_EQ(entries, kIdleHopsMax + 1);
  EXPECT_EQ(h.Counts("a").dead(), 1u);
  const v1::Redrive redrive = [] {
    v1::Redrive r;
    r.set_queue("a");
    r.set_max(1);
    return r;
  }();
  EXPECT_EQ(OnlyEnvelope("a").dead_letter_count(), kIdleHopsMax);
  EXPECT_EQ(h.As("ann", redrive).count().count(), 1u);
  h.PassAndClock(1);
  EXPECT_EQ(h.Counts("b").ready(), 1u);  // A redrive begins anew.
}

TEST_F(Arrival, ACycleOfRejectionsEndsAndSaysSo) {
  h.check_every = 101;
  Create("a", "");
  Create("b", "a");
  SetDeadLetter("a", "b");
  Send("a", "x");
  uint32_t moves = 0;
  while (Reject("a") || Reject("b")) ++moves;
  EXPECT_EQ(moves, kDeadLetterHopsMax + 1);
  EXPECT_EQ(h.Counts("a").dead(), 1u);
  const v1::Envelope envelope = OnlyEnvelope("a");
  EXPECT_EQ(envelope.dead_letter_count(), kDeadLetterHopsMax);
  EXPECT_EQ(envelope.dead_letters_size(), kDeadLettersKept);
  EXPECT_EQ(envelope.dead_letters(kDeadLettersKept - 1).queue(), "b");  // The newest.
  const std::string dead = keys::Prefix(keys::kDead, h.Record("a").id());
  v1::MessageState state;
  ASSERT_TRUE(state.ParseFromString(h.view.contents().lower_bound(dead)->second));
  EXPECT_EQ(state.reason(), "given back by the receiver; not moved: it was moved 1000 times");
}

// A thousand messages that expire into a queue whose time to live is over at once are one entry's work.
TEST_F(Arrival, AnEntryMovesAMessageOnceOnly) {
  h.check_every = 100;
  Create("a", "", 1);
  Create("b", "a", 1);
  SetDeadLetter("a", "b");
  for (int i = 0; i < 50; ++i) Send("a", "x");
  h.PassAndClock(100);
  EXPECT_EQ(MessageCount(h.Counts("b")), 50u);
}

TEST_F(Arrival, NamesOfHeadersAreUniqueAndNotTheBrokers) {
  Create("work", "");
  for (const Strings& names : {Strings{"mom-x"}, Strings{"Mom-Dead-Letter-Queue"}, Strings{"MOM-"},
                               Strings{"a", "b", "A"}, Strings{"a", "a"}}) {
    v1::Publish publish = ToQueue("work", {"x"});
    for (const auto& name : names) publish.mutable_messages(0)->add_headers()->set_name(name);
    EXPECT_EQ(h.As("ann", publish).error(), v1::ERROR_MALFORMED) << names[0];
  }
  v1::Publish publish = ToQueue("work", {"x"});
  for (const char* name : {"mom", "momo", "a-mom-", "moM"})
    publish.mutable_messages(0)->add_headers()->set_name(name);
  EXPECT_EQ(h.As("ann", publish).error(), v1::ERROR_MALFORMED);  // "mom" and "moM".
  publish.mutable_messages(0)->mutable_headers()->RemoveLast();
  EXPECT_EQ(h.As("ann", publish).error(), v1::ERROR_NONE);
}

// Goal: nothing that was sent is dropped on the way. Method: every field that a new message has, by
// reflection, must come back by its name; those that say how to send are named here.
TEST_F(Arrival, EverythingSentComesBackThroughDeadLettersAndRedrives) {
  Create("dlq2", "");
  Create("dlq1", "dlq2");
  Create("work", "dlq1");
  v1::NewMessage message;
  const auto* r = message.GetReflection();
  const auto* type = message.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (field->is_repeated()) continue;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) r->SetString(&message, field, field->name());
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_UINT32) r->SetUInt32(&message, field, 7);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT64) r->SetInt64(&message, field, 1000);
  }
  message.clear_delay_ms();
  for (const char* name : {"one", "two"}) message.add_headers()->set_name(name);
  message.mutable_headers(0)->set_value("1");
  h.Send("ann", "work", message);
  const v1::Envelope sent = OnlyEnvelope("work");
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (field->name() == "delay_ms" || field->name() == "ttl_ms" || field->name() == "dedup_id") continue;
    const FieldDescriptor* kept = sent.GetDescriptor()->FindFieldByName(field->name());
    ASSERT_NE(kept, nullptr) << field->name();
    if (field->is_repeated() || field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) continue;
    EXPECT_EQ(sent.GetReflection()->GetString(sent, kept), field->name());
  }
  EXPECT_EQ(sent.priority(), 7u);
  EXPECT_EQ(sent.headers_size(), 2);
  EXPECT_TRUE(Reject("work"));
  h.Pass(10);
  EXPECT_TRUE(Reject("dlq1"));
  EXPECT_TRUE(Reject("dlq2"));
  EXPECT_EQ(Redrive("dlq2").count().count(), 1u);
  v1::Receive receive = Take("dlq2");
  receive.set_auto_ack(true);
  v1::Envelope got = h.As("ann", receive).receive().messages(0).envelope();
  ASSERT_EQ(got.dead_letters_size(), 2);
  EXPECT_EQ(got.dead_letters(0).queue(), "work");
  EXPECT_EQ(got.dead_letters(1).queue(), "dlq1");
  EXPECT_EQ(got.dead_letters(1).at_ms(), h.now_ms);
  got.clear_dead_letters();
  got.clear_dead_letter_count();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(got, sent)) << got.ShortDebugString();
}

}  // namespace
}  // namespace mom::broker::test
