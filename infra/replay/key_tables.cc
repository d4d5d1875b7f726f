#include "infra/replay/key_tables.h"

#include "core/broker/keys.h"
#include "infra/replay/text.h"

namespace mom::replay {
namespace {

namespace keys = broker::keys;

constexpr size_t kKeyBytesShown = 64;

struct Table {
  char letter;
  const char* name;
};

constexpr Table kTables[] = {
    {keys::kApplied, "applied state"},
    {keys::kAdmin, "administrators"},
    {keys::kEnvelope, "envelopes"},
    {keys::kReferences, "reference counts"},
    {keys::kQueueState, "queue states"},
    {keys::kDelayed, "delayed messages"},
    {keys::kDedup, "dedup ids"},
    {keys::kGroup, "groups"},
    {keys::kGrant, "grants"},
    {keys::kGroupMember, "group members"},
    {keys::kKey, "idempotency keys"},
    {keys::kKeyRing, "key ring"},
    {keys::kKeyRingState, "key ring state"},
    {keys::kLeased, "leased messages"},
    {keys::kOwned, "owned things"},
    {keys::kPatternOf, "patterns"},
    {keys::kQueue, "queues"},
    {keys::kReady, "ready messages"},
    {keys::kReturned, "returned messages"},
    {keys::kSession, "sessions"},
    {keys::kSessionOf, "sessions of users"},
    {keys::kTimer, "timers"},
    {keys::kTopic, "topics"},
    {keys::kUser, "users"},
    {keys::kSubscription, "subscriptions"},
    {keys::kSubscriberOf, "subscribers"},
    {keys::kWaiting, "waiting messages"},
    {keys::kSubscribedQueue, "subscribed queues"},
    {keys::kDeadLetterOf, "dead-letter sources"},
    {keys::kSubscriptionOf, "subscriptions of users"},
    {keys::kTopicGrant, "topic grants"},
    {keys::kQueueName, "queue names"},
    {keys::kDead, "dead messages"},
    {keys::kVoters, "voters"},
    {keys::kTimerFloor, "timer floor"},
    {keys::kSettled, "acknowledged leases"},
    {keys::kSettledFloor, "acknowledged leases' floor"},
};

bool HoldsTokenHash(std::string_view key) {
  const char table = key.empty() ? '\0' : key.front();
  const bool session_timer = table == keys::kTimer && key.size() > 9 && key[9] == keys::kTimerSession;
  return table == keys::kSession || session_timer;
}

}  // namespace

std::string TableName(std::string_view key) {
  if (key.empty()) return "'' (empty key)";
  for (const Table& table : kTables) {
    if (table.letter == key.front())
      return std::string(1, table.letter).append(" (").append(table.name).append(")");
  }
  return Escape(key.substr(0, 1), 1).append(" (unknown)");
}

std::string PrintableKey(std::string_view key) {
  if (key.empty()) return "";
  if (HoldsTokenHash(key)) return "(not shown)";
  return Escape(key.substr(1), kKeyBytesShown);
}

}  // namespace mom::replay
