#include "tests/core/view_check.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "core/broker/access.h"
#include "core/broker/broker.h"
#include "core/broker/keys.h"
#include "mom/v1/records.pb.h"
#include "tests/core/envelope_check.h"
#include "tests/core/view_check_parts.h"

namespace mom::broker::test {
namespace {

struct Message {
  char table;
  uint64_t queue_id;
  uint64_t id;
  v1::MessageState state;
};

// Tables that follow from the records.
constexpr char kDerivedTables[] = {
    keys::kAdmin,      keys::kSessionOf,    keys::kOwned,      keys::kQueueName,       keys::kGrant,
    keys::kTopicGrant, keys::kDeadLetterOf, keys::kReferences, keys::kGroup,           keys::kGroupMember,
    keys::kTimer,      keys::kSubscriberOf, keys::kPatternOf,  keys::kSubscribedQueue, keys::kSubscriptionOf};
constexpr std::string_view kDerived(kDerivedTables, sizeof kDerivedTables);

std::string U64(uint64_t value) {
  return keys::Pair(value, 0).substr(0, 8);
}

// Gathers the records, derives what must be there, and compares.
class Checker {
 public:
  explicit Checker(const MemoryView& view) : view_(view), now_ms_(ReadAppliedState(view)->timestamp.ms) {}

  std::string Run() {
    for (const auto& [key, value] : view_.contents()) Read(key, value);
    for (const auto& [hash, session] : sessions_) ExpectSession(hash, session);
    for (const auto& [name, queue] : queues_) ExpectQueue(name, queue);
    for (const auto& message : messages_) ExpectMessage(message);
    ExpectBodies();
    ExpectGroups();
    for (const auto& [key, ids] : lease_timers_) {
      v1::LeaseTimer timer;
      timer.ParseFromString(derived_[key]);  // For what is only a hint.
      timer.clear_ids();
      timer.mutable_ids()->Add(ids.begin(), ids.end());
      expected_[key] = timer.SerializeAsString();
    }
    for (const auto& [name, topic] : topics_) ExpectTopic(name, topic);
    for (const auto& [id, subscription] : subscriptions_) ExpectSubscription(id, subscription);
    CompareDerived();
    for (const auto& [id, state] : states_) CheckState(id, state);
    for (const auto& [name, user] : users_) CheckUser(name, user);
    CheckKeys();
    return problems_.str();
  }

 private:
  void Expect(bool holds, const std::string& text) { problems_ << (holds ? "" : text + "\n"); }
  template <typename Record>
  Record Parse(const std::string& key, const std::string& value) {
    Record record;
    Expect(record.ParseFromString(value), "not a record: " + Printable(key));
    return record;
  }

  // Records go into maps, what follows from them into derived_.
  void Read(const std::string& key, const std::string& value) {
    const std::string rest = key.substr(1);
    switch (key[0]) {
      case keys::kApplied:
      case keys::kVoters:
      case keys::kKeyRingState:
      case keys::kSettled:  // See CheckSettled.
      case keys::kSettledFloor:
        break;
      case keys::kTimerFloor:
        floor_ms_ = keys::ReadU64(value, 0);
        break;
      case keys::kUser:
        users_[rest] = Parse<v1::UserRecord>(key, value);
        if (users_[rest].admin()) expected_[keys::Admin(rest)] = "";
        break;
      case keys::kSession:
        sessions_[rest] = Parse<v1::SessionRecord>(key, value);
        break;
      case keys::kQueue:
        queues_[rest] = Parse<v1::QueueRecord>(key, value);
        break;
      case keys::kQueueState:
        states_[keys::ReadU64(key, 1)] = Parse<v1::QueueState>(key, value);
        break;
      case keys::kTopic:
        topics_[rest] = Parse<v1::TopicRecord>(key, value);
        break;
      case keys::kSubscription:
        subscriptions_[keys::ReadU64(key, 1)] = Parse<v1::SubscriptionRecord>(key, value);
        break;
      case keys::kKey:
        keys_[key] = Parse<v1::KeyRecord>(key, value);
        break;
      case keys::kKeyRing:
        ring_[keys::ReadU64(key, 1)] = value;
        break;
      case keys::kDedup:
        ExpectTimer(Parse<v1::DedupRecord>(key, value).expires_ms(), keys::kTimerDedup, key);
        break;
      case keys::kEnvelope:
        envelopes_[keys::ReadU64(key, 1)] = Parse<v1::Envelope>(key, value);
        break;
      default:
        return ReadMessageOrDerived(key, value);
    }
  }

  void ReadMessageOrDerived(const std::string& key, const std::string& value) {
    switch (key[0]) {
      case keys::kReady:
      case keys::kReturned:
        messages_.push_back(
            {key[0], keys::ReadU64(key, 1), keys::ReadU64(key, 10), Parse<v1::MessageState>(key, value)});
        Expect(key.size() == 18 && key[9] == static_cast<char>(9 - messages_.back().state.priority()),
               "priority of key and state differ: " + Printable(key));
        break;
      case keys::kWaiting:
      case keys::kLeased:
      case keys::kDelayed:
      case keys::kDead:
        messages_.push_back(
            {key[0], keys::ReadU64(key, 1), keys::ReadU64(key, 9), Parse<v1::MessageState>(key, value)});
        Expect(key.size() == 17, "odd key: " + Printable(key));
        break;
      default:
        Expect(kDerived.find(key[0]) != std::string_view::npos, "unknown table: " + Printable(key));
        derived_[key] = value;
    }
  }

  void ExpectTimer(int64_t due_ms, char kind, const std::string& rest) {
    expected_[keys::Timer(due_ms, kind, rest)] = "";
  }

  void ExpectSession(const std::string& hash, const v1::SessionRecord& session) {
    Expect(users_.contains(session.user()), "session of nobody: " + session.user());
    const auto end_ms = static_cast<uint64_t>(session.expires_ms());
    expected_[keys::SessionOf(session.user(), session.id())] = U64(end_ms) + hash;
    ExpectTimer(session.expires_ms(), keys::kTimerSession, hash);
    sessions_of_[session.user()] += 1;
  }

  void ExpectList(const v1::UserList& list, const std::string& where) {
    const auto& users = list.users();
    Expect(std::is_sorted(users.begin(), users.end()) &&
               std::adjacent_find(users.begin(), users.end()) == users.end(),
           "list out of order in " + where);
    for (const auto& user : users) Expect(users_.contains(user), where + " grants to nobody: " + user);
  }

  void ExpectQueue(const std::string& name, const v1::QueueRecord& queue) {
    const auto& settings = queue.settings();
    Expect(users_.contains(queue.owner()), "queue of nobody: " + name);
    Expect(states_.contains(queue.id()), "queue without counters: " + name);
    expected_[keys::QueueName(queue.id())] = name;
    expected_[keys::Owned(queue.owner(), 'q', name)] = "";
    queues_of_[queue.owner()] += 1;
    queue_ids_[queue.id()] = name;
    for (const auto* list : {&settings.senders(), &settings.receivers()}) {
      ExpectList(*list, name);
      for (const auto& user : list->users()) expected_[keys::Grant(user, name)] = "";
    }
    if (!settings.receiver().empty()) {
      Expect(users_.contains(settings.receiver()), "private pair with nobody: " + name);
      Expect(settings.senders().users().empty() && settings.receivers().users().empty() &&
                 !settings.senders().anyone() && !settings.receivers().anyone(),
             "private pair with grants: " + name);
      expected_[keys::Grant(settings.receiver(), name)] = "";
    }
    if (settings.dead_letter().empty()) return;
    Expect(queue.lost_dead_letter().empty(), "half lost: " + name);
    expected_[keys::DeadLetterOf(settings.dead_letter(), name)] = "";
    auto target = queues_.find(settings.dead_letter());
    Expect(target != queues_.end() && settings.dead_letter() != name, "dead letters to nowhere: " + name);
    Expect(target == queues_.end() || MaySend(target->second, queue.owner()),
           "dead letters without the right to send: " + name);
  }

  void ExpectMessage(const Message& message) {
    const v1::MessageState& state = message.state;
    const std::string where =
        "message " + std::to_string(message.id) + " of queue " + std::to_string(message.queue_id);
    Expect(queue_ids_.contains(message.queue_id), where + ": no such queue");
    Expect(in_queue_.emplace(message.queue_id, message.id).second, where + ": in two tables");
    holders_[message.id].push_back(&message);
    Count(message.table, state, &counts_[message.queue_id]);
    const bool held = message.table == keys::kLeased, over = state.expires_ms() <= now_ms_;
    const std::string pair = keys::Pair(message.queue_id, message.id);
    // What ran out while it was held is looked at when it comes back.
    if (!over) ExpectTimer(state.expires_ms(), keys::kTimerExpire, pair);
    if (over && state.expires_ms() != 0 && !held) overdue_.insert(pair);
    if (held) {
      Expect(users_.contains(state.receiver()) && state.lease() != 0, where + ": held by nobody");
      Expect(!state.came_back(), where + ": held and came back");
      lease_timers_[keys::Timer(state.due_ms(), keys::kTimerLease,
                                keys::Pair(message.queue_id, state.lease()))]
          .insert(message.id);
    } else if (message.table == keys::kDelayed) {
      ExpectTimer(state.due_ms(), keys::kTimerDelay, pair);
    } else if (message.table != keys::kWaiting) {
      Expect(state.due_ms() == 0, where + ": due without a reason");
    }
    Expect((message.table == keys::kDead) == (state.dead_ms() != 0), where + ": half dead");
    Expect(message.table != keys::kDead || state.expires_ms() == 0, where + ": dead and expiring");
    Expect(message.table != keys::kWaiting || !state.group().empty(), where + ": waits for no group");
  }

  void ExpectBodies() {
    for (const auto& [id, holders] : holders_) {
      const std::string where = "body of message " + std::to_string(id);
      auto envelope = envelopes_.find(id);
      Expect(envelope != envelopes_.end(), where + " is missing");
      if (envelope == envelopes_.end()) continue;
      for (const Message* holder : holders) {
        Expect(holder->state.bytes() == envelope->second.body().size() &&
                   holder->state.priority() == envelope->second.priority() &&
                   holder->state.group() == envelope->second.group(),
               where + " differs from its state");
        Expect(holder->state.shared() || holders.size() == 1, where + " is in several queues, not shared");
      }
      if (holders[0]->state.shared()) expected_[keys::References(id)] = U64(holders.size());
    }
    for (const auto& [id, envelope] : envelopes_) {
      Expect(holders_.contains(id), "body of no message: " + std::to_string(id));
      if (auto wrong = CheckEnvelope(envelope); !wrong.empty()) Expect(false, wrong);
    }
  }

  void ExpectGroups() {
    std::map<std::pair<uint64_t, std::string>, std::vector<const Message*>> groups;
    for (const auto& message : messages_) {
      if (message.state.group().empty() || message.table == keys::kDead) continue;
      groups[{message.queue_id, message.state.group()}].push_back(&message);
    }
    for (const auto& [name, members] : groups) {
      const std::string key = keys::Group(name.first, name.second);
      const std::string where = "group " + Printable(name.second) + " of queue " + std::to_string(name.first);
      v1::GroupState turn;
      if (auto it = derived_.find(key); it != derived_.end()) turn = Parse<v1::GroupState>(key, it->second);
      expected_[key] = turn.SerializeAsString();
      size_t active = 0;
      for (const Message* member : members) {
        if (member->table == keys::kWaiting) {
          expected_[keys::GroupMember(name.first, name.second, member->id)] = "";
          Expect(member->id >= turn.first(), where + ": a waiting message below the bound");
        } else {
          Expect(member->id == turn.active(), where + ": out of turn");
          ++active;
        }
      }
      Expect(active == 1, where + ": " + std::to_string(active) + " messages at a time");
    }
  }

  void ExpectTopic(const std::string& name, const v1::TopicRecord& topic) {
    Expect(users_.contains(topic.owner()), "topic of nobody: " + name);
    ExpectList(topic.publishers(), name);
    expected_[keys::Owned(topic.owner(), 't', name)] = "";
    topics_of_[topic.owner()] += 1;
    for (const auto& user : topic.publishers().users()) expected_[keys::TopicGrant(user, name)] = "";
  }

  void ExpectSubscription(uint64_t id, const v1::SubscriptionRecord& subscription) {
    const std::string where = "subscription " + std::to_string(id);
    const std::string& user = subscription.user();
    auto queue = queues_.find(subscription.queue());
    Expect(users_.contains(user), where + " of nobody");
    Expect(queue != queues_.end() && queue->second.owner() == user, where + " into no queue of its user");
    Expect(subscription.topic().empty() || topics_.contains(subscription.topic()), where + " to no topic");
    const std::string target = subscription.topic().empty() ? keys::PatternOf(user, subscription.pattern())
                                                            : keys::SubscriberOf(subscription.topic(), user);
    expected_[target] = U64(id);
    expected_[keys::SubscribedQueue(subscription.queue(), id)] = "";
    expected_[keys::SubscriptionOf(user, id)] = "";
    subscriptions_of_[user] += 1;
  }

  void CompareDerived() {
    for (const auto& [key, value] : expected_) {
      auto it = derived_.find(key);
      Expect(it != derived_.end(), "missing: " + Printable(key));
      Expect(it == derived_.end() || it->second == value, "wrong value of " + Printable(key));
    }
    for (const auto& [key, value] : derived_) {
      const bool timer = key[0] == keys::kTimer;  // One whose matter is settled stays until it is due.
      Expect(expected_.contains(key) || (timer && value.empty()), "left over: " + Printable(key));
      if (timer) Expect(keys::ReadU64(key, 1) >= floor_ms_, "below the floor: " + Printable(key));
      if (timer && key[9] == keys::kTimerExpire) overdue_.erase(key.substr(10));
    }
    Expect(overdue_.empty(), "a message that ran out has no timer any more");
  }

  void CheckState(uint64_t id, const v1::QueueState& state) {
    const std::string where = "queue " + std::to_string(id);
    Expect(queue_ids_.contains(id), where + ": counters of no queue");
    Expect(state.counts().SerializeAsString() == counts_[id].SerializeAsString(), where + ": wrong counters");
    std::map<uint32_t, std::pair<uint64_t, uint64_t>> found;  // By priority: fresh, returned.
    for (const Message& message : messages_) {
      if (message.queue_id != id) continue;
      if (message.table == keys::kReady) found[message.state.priority()].first += 1;
      if (message.table == keys::kReturned) found[message.state.priority()].second += 1;
    }
    uint32_t above = 10;
    for (const auto& lane : state.lanes()) {
      Expect(lane.priority() < std::exchange(above, lane.priority()), where + ": lanes out of order");
      Expect(found[above] == std::pair(lane.fresh(), lane.returned()), where + ": wrong lane counters");
      found.erase(above);
      for (const Message& message : messages_) {
        if (message.queue_id != id || message.state.priority() != above) continue;
        Expect(message.table != keys::kReady || message.id >= lane.head(), where + ": below the head");
        Expect(message.table != keys::kReturned || message.id >= lane.returned_head(),
               where + ": below the head of those returned");
      }
    }
    Expect(found.empty(), where + ": ready messages without a lane");
  }

  void CheckUser(const std::string& name, const v1::UserRecord& user) {
    Expect(user.sessions() == sessions_of_[name] && user.queues() == queues_of_[name] &&
               user.topics() == topics_of_[name] && user.subscriptions() == subscriptions_of_[name],
           "wrong counters of user " + name + ": " + user.ShortDebugString());
  }

  void CheckKeys() {
    v1::KeyRing ring;
    if (auto bytes = view_.Get(keys::KeyRingState())) ring = Parse<v1::KeyRing>(keys::KeyRingState(), *bytes);
    Expect(ring.count() == ring_.size() && ring.count() == keys_.size(), "wrong number of keys in the ring");
    for (const auto& [offset, key] : ring_) {
      Expect(offset >= ring.first(), "a key below the ring's bound");
      auto record = keys_.find(key);
      Expect(record != keys_.end(), "the ring names no key: " + Printable(key));
      if (record == keys_.end()) continue;
      const auto reply = Parse<v1::Reply>(key, record->second.reply());
      Expect(reply.offset() == offset && !reply.replayed(), "a key at the wrong place: " + Printable(key));
    }
  }

  const MemoryView& view_;
  const int64_t now_ms_;
  std::ostringstream problems_;
  std::map<std::string, v1::UserRecord> users_;
  std::map<std::string, v1::SessionRecord> sessions_;
  std::map<std::string, v1::QueueRecord> queues_;
  std::map<uint64_t, v1::QueueState> states_;
  std::map<std::string, v1::TopicRecord> topics_;
  std::map<uint64_t, v1::SubscriptionRecord> subscriptions_;
  std::map<std::string, v1::KeyRecord> keys_;
  std::map<uint64_t, std::string> ring_;
  std::map<uint64_t, v1::Envelope> envelopes_;
  std::vector<Message> messages_;
  std::map<std::string, std::string> derived_;   // As found.
  std::map<std::string, std::string> expected_;  // As it must be.
  uint64_t floor_ms_ = 0;                        // No timer lies below.
  std::set<std::string> overdue_;                // Messages whose time ran out, not held.
  std::map<uint64_t, std::string> queue_ids_;
  std::set<std::pair<uint64_t, uint64_t>> in_queue_;
  std::map<uint64_t, std::vector<const Message*>> holders_;
  std::map<uint64_t, v1::QueueCounts> counts_;
  std::map<std::string, std::set<uint64_t>> lease_timers_;
  std::map<std::string, uint32_t> sessions_of_, queues_of_, topics_of_, subscriptions_of_;
};

}  // namespace

std::string CheckConsistency(const MemoryView& view) {
  return Checker(view).Run() + CheckSettled(view) + CheckBlockedHeads(view);
}

}  // namespace mom::broker::test
