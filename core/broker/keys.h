// Keys of the view, as docs/view_format.md lists them: one letter for the table, then components. Numbers are
// big-endian so that byte order is numeric order; a component that another one follows carries its length in
// front, so no content can reach into the next component.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mom::broker::keys {

// The table letters. Never reused for another meaning.
inline constexpr char kApplied = 'A', kEnvelope = 'b', kReferences = 'B', kQueueState = 'c', kDelayed = 'd',
                      kDedup = 'D', kGroup = 'g', kGrant = 'G', kGroupMember = 'h', kKey = 'I',
                      kKeyRing = 'J', kKeyRingState = 'K', kLeased = 'l', kOwned = 'O', kPatternOf = 'P',
                      kQueue = 'q', kReady = 'r', kReturned = 'R', kSession = 's', kSessionOf = 'S',
                      kTimer = 't', kTopic = 'T', kUser = 'u', kSubscription = 'U', kSubscriberOf = 'V',
                      kWaiting = 'w', kSubscribedQueue = 'W', kDeadLetterOf = 'x', kSubscriptionOf = 'X',
                      kTimerFloor = 'F', kTopicGrant = 'y', kQueueName = 'Q', kDead = 'z', kVoters = 'v',
                      kSettled = 'e', kSettledFloor = 'E', kAdmin = 'a';

// Tables of small records that nearly every command looks at: worth keeping in memory.
inline constexpr std::string_view kHotTables = "AcFKqQsTu";

// What a timer does when it is due.
inline constexpr char kTimerDelay = 'd', kTimerExpire = 'e', kTimerLease = 'l', kTimerSession = 's',
                      kTimerDedup = 'u';

void AppendU64(std::string* key, uint64_t value);
// REQUIRES: component.size() <= 255.
void AppendSized(std::string* key, std::string_view component);
// The number that begins at `position`. REQUIRES: eight bytes are there.
uint64_t ReadU64(std::string_view key, size_t position);

std::string Applied();
std::string Voters();
std::string User(std::string_view name);
std::string Admin(std::string_view name);
std::string Session(std::string_view token_hash);
std::string SessionOf(std::string_view user, uint64_t id);
std::string Queue(std::string_view name);
std::string QueueState(uint64_t queue_id);
// `kind` is 'q' or 't'.
std::string Owned(std::string_view user, char kind, std::string_view name);
std::string QueueName(uint64_t queue_id);
std::string Grant(std::string_view user, std::string_view queue);
std::string TopicGrant(std::string_view user, std::string_view topic);
std::string DeadLetterOf(std::string_view target, std::string_view source);

// kReady or kReturned; higher priorities first, then log order.
std::string Ready(char table, uint64_t queue_id, uint32_t priority, uint64_t message_id);
// kWaiting, kLeased, kDelayed or kDead.
std::string Message(char table, uint64_t queue_id, uint64_t message_id);
std::string Envelope(uint64_t message_id);
std::string References(uint64_t message_id);
std::string Group(uint64_t queue_id, std::string_view group);
std::string GroupMember(uint64_t queue_id, std::string_view group, uint64_t message_id);
std::string Dedup(uint64_t target_id, std::string_view dedup_id);

// Timers are never deleted before they are due, so that looking for the next one from the floor on meets no
// deleted keys; what a timer is about may be gone by then.
std::string Timer(int64_t due_ms, char kind, std::string_view rest);
std::string TimerFloor();  // Its value: the earliest time at which a timer can be due.
// Queue and message (or lease), for `rest` above.
std::string Pair(uint64_t first, uint64_t second);

// What was acknowledged under `lease` in a slot of time.
std::string Settled(uint64_t slot, uint64_t lease);
std::string SettledFloor();  // Its value: what follows the table's letter in keys below which none are left.

std::string Topic(std::string_view name);
std::string Subscription(uint64_t id);
std::string SubscriberOf(std::string_view topic, std::string_view user);
std::string PatternOf(std::string_view user, std::string_view pattern);
std::string SubscribedQueue(std::string_view queue, uint64_t id);
std::string SubscriptionOf(std::string_view user, uint64_t id);

std::string IdempotencyKey(std::string_view user, std::string_view key);
std::string KeyRing(uint64_t position);
std::string KeyRingState();

// A table letter with a first component, for walking all keys below it.
std::string Prefix(char table, std::string_view sized_component);
std::string Prefix(char table, uint64_t number);

}  // namespace mom::broker::keys
