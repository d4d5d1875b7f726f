#include "tests/core/broker_harness.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "core/broker/keys.h"
#include "tests/core/view_check.h"

namespace mom::broker::test {

Entry CommandEntry(uint64_t offset, int64_t now_ms, const v1::Command& command) {
  return Entry{Offset{offset}, Epoch{1}, Timestamp{now_ms}, EntryKind::kCommand,
               std::make_shared<const std::string>(command.SerializeAsString())};
}

Entry ClockEntry(uint64_t offset, int64_t now_ms) {
  return Entry{Offset{offset}, Epoch{1}, Timestamp{now_ms}, EntryKind::kClock,
               std::make_shared<const std::string>()};
}

std::string TokenHash(const std::string& user, int n) {
  std::string hash = user + "#" + std::to_string(n);
  hash.resize(32, '.');
  return hash;
}

v1::Publish ToQueue(const std::string& queue, const std::vector<std::string>& bodies) {
  v1::Publish publish;
  publish.set_queue(queue);
  for (const auto& body : bodies) publish.add_messages()->set_body(body);
  return publish;
}

v1::Publish ToTopic(const std::string& topic, const std::vector<std::string>& bodies) {
  v1::Publish publish = ToQueue("", bodies);
  publish.set_topic(topic);
  return publish;
}

v1::Receive Take(const std::string& queue, uint32_t max) {
  v1::Receive receive;
  receive.set_queue(queue);
  receive.set_max(max);
  receive.set_bytes_max(1u << 20);
  return receive;
}

v1::Receipt ReceiptOf(const v1::Delivery& delivery) {
  v1::Receipt receipt;
  receipt.set_id(delivery.id());
  receipt.set_lease(delivery.lease());
  return receipt;
}

v1::Ack AckOf(const std::string& queue, const v1::Reply& received) {
  v1::Ack ack;
  ack.set_queue(queue);
  for (const auto& delivery : received.receive().messages()) *ack.add_receipts() = ReceiptOf(delivery);
  return ack;
}

v1::Nack NackOf(const std::string& queue, const v1::Reply& received) {
  v1::Nack nack;
  nack.set_queue(queue);
  for (const auto& delivery : received.receive().messages()) *nack.add_receipts() = ReceiptOf(delivery);
  return nack;
}

v1::Extend ExtendOf(const std::string& queue, const v1::Reply& received, int64_t lease_ms) {
  v1::Extend extend;
  extend.set_queue(queue);
  extend.set_lease_ms(lease_ms);
  for (const auto& delivery : received.receive().messages()) *extend.add_receipts() = ReceiptOf(delivery);
  return extend;
}

v1::CreateQueue QueueNamed(const std::string& name) {
  v1::CreateQueue create;
  create.set_name(name);
  return create;
}

v1::UpdateQueue UpdateOf(const std::string& name) {
  v1::UpdateQueue update;
  update.set_name(name);
  return update;
}

v1::UserList Users(const std::vector<std::string>& names) {
  v1::UserList list;
  for (const auto& name : names) list.add_users(name);
  return list;
}

#define MOM_TEST_SET_BODY(Type, field)                       \
  void SetBody(v1::Command* command, const v1::Type& body) { \
    *command->mutable_##field() = body;                      \
  }
MOM_TEST_SET_BODY(CreateUser, create_user)
MOM_TEST_SET_BODY(ChangePassword, change_password)
MOM_TEST_SET_BODY(DeleteUser, delete_user)
MOM_TEST_SET_BODY(CreateSession, create_session)
MOM_TEST_SET_BODY(DeleteSession, delete_session)
MOM_TEST_SET_BODY(UpdateUser, update_user)
MOM_TEST_SET_BODY(DeleteSessions, delete_sessions)
MOM_TEST_SET_BODY(CreateQueue, create_queue)
MOM_TEST_SET_BODY(UpdateQueue, update_queue)
MOM_TEST_SET_BODY(DeleteQueue, delete_queue)
MOM_TEST_SET_BODY(PurgeQueue, purge_queue)
MOM_TEST_SET_BODY(Publish, publish)
MOM_TEST_SET_BODY(Receive, receive)
MOM_TEST_SET_BODY(Ack, ack)
MOM_TEST_SET_BODY(Nack, nack)
MOM_TEST_SET_BODY(Extend, extend)
MOM_TEST_SET_BODY(DeleteMessage, delete_message)
MOM_TEST_SET_BODY(Redrive, redrive)
MOM_TEST_SET_BODY(CreateTopic, create_topic)
MOM_TEST_SET_BODY(DeleteTopic, delete_topic)
MOM_TEST_SET_BODY(Subscribe, subscribe)
MOM_TEST_SET_BODY(Unsubscribe, unsubscribe)
MOM_TEST_SET_BODY(Transaction, transaction)
#undef MOM_TEST_SET_BODY

namespace {

// The view without what a command changes that has no effect.
std::map<std::string, std::string> Effects(const MemoryView& view) {
  std::map<std::string, std::string> effects;
  for (const auto& [key, value] : view.contents()) {
    if (key[0] != keys::kApplied) effects.emplace(key, value);
  }
  return effects;
}

}  // namespace

Harness::Harness() {
  Entry first{Offset{offset}, Epoch{1}, Timestamp{now_ms}, EntryKind::kLeaderChange,
              std::make_shared<const std::string>("1")};
  Apply(first);
  v1::CreateUser create;
  create.set_name("admin");
  create.set_password_hash("hash of admin");
  create.set_admin(true);
  EXPECT_EQ(Anonymously(create).error(), v1::ERROR_NONE);
  EXPECT_EQ(Connect("admin", 0, 1'000'000'000).error(), v1::ERROR_NONE);
}

v1::Reply Harness::Do(const v1::Command& command) {
  const auto before = check_every == 1 ? Effects(view) : std::map<std::string, std::string>();
  v1::Reply reply = Apply(CommandEntry(offset, now_ms, command));
  if (reply.error() || reply.replayed()) {
    EXPECT_TRUE(check_every != 1 || before == Effects(view))
        << "a refusal left a trace: " << command.ShortDebugString();
    EXPECT_TRUE(woken.empty());
  }
  EXPECT_EQ(reply.error() == v1::ERROR_NONE, reply.detail().empty()) << reply.ShortDebugString();
  return reply;
}

v1::Reply Harness::Apply(const Entry& entry) {
  Applied applied = broker::Apply(view, entry);
  view.Write(applied.changes);
  woken = std::move(applied.woken);
  ++offset;
  EXPECT_EQ(ReadAppliedState(view)->end.value, offset);
  EXPECT_EQ(ReadAppliedState(view)->digest, applied.state.digest);
  if (offset % check_every == 0) {
    EXPECT_EQ(CheckConsistency(view), "") << "after offset " << offset - 1;
  }
  return applied.reply;
}

void Harness::Clock() {
  Apply(ClockEntry(offset, now_ms));
}

void Harness::PassAndClock(int64_t ms) {
  Pass(ms);
  Clock();
}

void Harness::AddUser(const std::string& name) {
  v1::CreateUser create;
  create.set_name(name);
  create.set_password_hash("hash of " + name);
  EXPECT_EQ(Anonymously(create).error(), v1::ERROR_NONE) << name;
  EXPECT_EQ(Connect(name, 0, 1'000'000'000).error(), v1::ERROR_NONE) << name;
}

v1::Reply Harness::Connect(const std::string& name, int session, int64_t ttl_ms) {
  v1::CreateSession create;
  create.set_name(name);
  create.set_token_hash(TokenHash(name, session));
  create.set_password_revision(UserNamed(name).password_revision());
  create.set_ttl_ms(ttl_ms);
  return Anonymously(create);
}

void Harness::AddQueue(const std::string& owner, const std::string& name) {
  const v1::Reply reply = As(owner, QueueNamed(name));
  EXPECT_EQ(reply.error(), v1::ERROR_NONE) << reply.detail();
}

uint64_t Harness::Send(const std::string& user, const std::string& queue, const std::string& body) {
  v1::NewMessage message;
  message.set_body(body);
  return Send(user, queue, std::move(message));
}

uint64_t Harness::Send(const std::string& user, const std::string& queue, v1::NewMessage message) {
  v1::Publish publish;
  publish.set_queue(queue);
  *publish.add_messages() = std::move(message);
  const v1::Reply reply = As(user, publish);
  EXPECT_EQ(reply.error(), v1::ERROR_NONE) << reply.detail();
  return reply.publish().ids_size() == 1 ? reply.publish().ids(0) : 0;
}

v1::QueueCounts Harness::Counts(const std::string& queue) const {
  v1::QueueState state;
  EXPECT_TRUE(state.ParseFromString(view.Get(keys::QueueState(Record(queue).id())).value_or("?")));
  return state.counts();
}

v1::QueueRecord Harness::Record(const std::string& queue) const {
  auto found = FindQueue(view, queue);
  EXPECT_TRUE(found.has_value()) << queue;
  return found ? found->record : v1::QueueRecord();
}

v1::UserRecord Harness::UserNamed(const std::string& name) const {
  v1::UserRecord user;
  EXPECT_TRUE(user.ParseFromString(view.Get(keys::User(name)).value_or("")));
  return user;
}

std::optional<Located> Harness::Find(const std::string& queue, uint64_t id) const {
  return Locate(view, Record(queue).id(), id);
}

std::string Harness::BodyOf(uint64_t id) const {
  v1::Envelope envelope;
  auto bytes = view.Get(keys::Envelope(id));
  EXPECT_TRUE(bytes && envelope.ParseFromString(*bytes)) << id;
  return envelope.body();
}

std::vector<std::string> Harness::Bodies(const v1::Reply& received) const {
  std::vector<std::string> bodies;
  for (const auto& delivery : received.receive().messages()) {
    bodies.push_back(delivery.has_envelope() ? delivery.envelope().body() : BodyOf(delivery.id()));
  }
  return bodies;
}

std::vector<std::string> Harness::Drain(const std::string& user, const std::string& queue) {
  std::vector<std::string> all;
  for (;;) {
    v1::Receive receive = Take(queue, 100);
    receive.set_auto_ack(true);
    const v1::Reply reply = As(user, receive);
    EXPECT_EQ(reply.error(), v1::ERROR_NONE) << reply.detail();
    const auto some = Bodies(reply);
    if (some.empty()) return all;
    all.insert(all.end(), some.begin(), some.end());
  }
}

}  // namespace mom::broker::test
