#include "core/broker/keys.h"

#include "core/base/check.h"

namespace mom::broker::keys {
namespace {

std::string Table(char table, std::string_view rest) {
  std::string key(1, table);
  key.append(rest);
  return key;
}

std::string Numbers(char table, uint64_t first) {
  std::string key(1, table);
  AppendU64(&key, first);
  return key;
}

std::string Numbers(char table, uint64_t first, uint64_t second) {
  std::string key = Numbers(table, first);
  AppendU64(&key, second);
  return key;
}

std::string SizedThen(char table, std::string_view sized, std::string_view rest) {
  std::string key(1, table);
  AppendSized(&key, sized);
  key.append(rest);
  return key;
}

}  // namespace

void AppendU64(std::string* key, uint64_t value) {
  char bytes[8];
  for (int i = 7; i >= 0; --i) {
    bytes[i] = static_cast<char>(value & 0xff);
    value >>= 8;
  }
  key->append(bytes, sizeof bytes);
}

void AppendSized(std::string* key, std::string_view component) {
  MOM_CHECK(component.size() <= 255, component.size());
  key->push_back(static_cast<char>(component.size()));
  key->append(component);
}

uint64_t ReadU64(std::string_view key, size_t position) {
  MOM_CHECK(position + 8 <= key.size(), position, key.size());
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) value = value << 8 | static_cast<unsigned char>(key[position + i]);
  return value;
}

std::string Applied() {
  return Table(kApplied, "");
}
std::string Voters() {
  return Table(kVoters, "");
}

std::string User(std::string_view name) {
  return Table(kUser, name);
}
std::string Admin(std::string_view name) {
  return Table(kAdmin, name);
}
std::string Session(std::string_view token_hash) {
  return Table(kSession, token_hash);
}
std::string SessionOf(std::string_view user, uint64_t id) {
  std::string key = SizedThen(kSessionOf, user, "");
  AppendU64(&key, id);
  return key;
}
std::string Queue(std::string_view name) {
  return Table(kQueue, name);
}
std::string QueueState(uint64_t queue_id) {
  return Numbers(kQueueState, queue_id);
}
std::string Owned(std::string_view user, char kind, std::string_view name) {
  return SizedThen(kOwned, user, std::string(1, kind).append(name));
}
std::string Grant(std::string_view user, std::string_view queue) {
  return SizedThen(kGrant, user, queue);
}
std::string QueueName(uint64_t queue_id) {
  return Numbers(kQueueName, queue_id);
}
std::string TopicGrant(std::string_view user, std::string_view topic) {
  return SizedThen(kTopicGrant, user, topic);
}
std::string DeadLetterOf(std::string_view target, std::string_view source) {
  return SizedThen(kDeadLetterOf, target, source);
}

std::string Ready(char table, uint64_t queue_id, uint32_t priority, uint64_t message_id) {
  MOM_CHECK(priority <= 9, priority);
  std::string key = Numbers(table, queue_id);
  key.push_back(static_cast<char>(9 - priority));
  AppendU64(&key, message_id);
  return key;
}

std::string Message(char table, uint64_t queue_id, uint64_t message_id) {
  return Numbers(table, queue_id, message_id);
}
std::string Envelope(uint64_t message_id) {
  return Numbers(kEnvelope, message_id);
}
std::string References(uint64_t message_id) {
  return Numbers(kReferences, message_id);
}

std::string Group(uint64_t queue_id, std::string_view group) {
  std::string key = Numbers(kGroup, queue_id);
  AppendSized(&key, group);
  return key;
}

std::string GroupMember(uint64_t queue_id, std::string_view group, uint64_t message_id) {
  std::string key = Numbers(kGroupMember, queue_id);
  AppendSized(&key, group);
  AppendU64(&key, message_id);
  return key;
}

std::string Dedup(uint64_t target_id, std::string_view dedup_id) {
  return Numbers(kDedup, target_id).append(dedup_id);
}

std::string Timer(int64_t due_ms, char kind, std::string_view rest) {
  MOM_CHECK(due_ms >= 0, due_ms);
  std::string key = Numbers(kTimer, static_cast<uint64_t>(due_ms));
  key.push_back(kind);
  key.append(rest);
  return key;
}

std::string TimerFloor() {
  return Table(kTimerFloor, "");
}

std::string Pair(uint64_t first, uint64_t second) {
  std::string pair;
  AppendU64(&pair, first);
  AppendU64(&pair, second);
  return pair;
}

std::string Settled(uint64_t slot, uint64_t lease) {
  return Numbers(kSettled, slot, lease);
}
std::string SettledFloor() {
  return Table(kSettledFloor, "");
}

std::string Topic(std::string_view name) {
  return Table(kTopic, name);
}
std::string Subscription(uint64_t id) {
  return Numbers(kSubscription, id);
}
std::string SubscriberOf(std::string_view topic, std::string_view user) {
  return SizedThen(kSubscriberOf, topic, user);
}
std::string PatternOf(std::string_view user, std::string_view pattern) {
  return SizedThen(kPatternOf, user, pattern);
}
std::string SubscribedQueue(std::string_view queue, uint64_t id) {
  std::string key = SizedThen(kSubscribedQueue, queue, "");
  AppendU64(&key, id);
  return key;
}
std::string SubscriptionOf(std::string_view user, uint64_t id) {
  std::string key = SizedThen(kSubscriptionOf, user, "");
  AppendU64(&key, id);
  return key;
}

std::string IdempotencyKey(std::string_view user, std::string_view key) {
  return SizedThen(kKey, user, key);
}
std::string KeyRing(uint64_t position) {
  return Numbers(kKeyRing, position);
}
std::string KeyRingState() {
  return Table(kKeyRingState, "");
}

std::string Prefix(char table, std::string_view sized_component) {
  return SizedThen(table, sized_component, "");
}
std::string Prefix(char table, uint64_t number) {
  return Numbers(table, number);
}

}  // namespace mom::broker::keys
