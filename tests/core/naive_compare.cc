// Whether a view holds what the naive model holds.
#include <sstream>

#include "core/broker/keys.h"
#include "core/broker/lanes.h"
#include "core/broker/message_store.h"
#include "tests/core/naive_model.h"

namespace mom::broker::test {
namespace {

// Rest of the key to parsed record, for all keys of one table.
template <typename Record>
std::map<std::string, Record> Table(const MemoryView& view, char table) {
  std::map<std::string, Record> records;
  for (auto it = view.contents().lower_bound(std::string(1, table));
       it != view.contents().end() && it->first[0] == table; ++it) {
    records[it->first.substr(1)].ParseFromString(it->second);
  }
  return records;
}

char Letter(const NaiveQueue& queue, const NaiveItem& item) {
  switch (item.where) {
    case Where::kLeased:
      return keys::kLeased;
    case Where::kDelayed:
      return keys::kDelayed;
    case Where::kDead:
      return keys::kDead;
    case Where::kReady:
      break;
  }
  const std::string& group = item.letter->group();
  return !group.empty() && queue.turns.at(group) != item.id ? keys::kWaiting : keys::kReady;
}

v1::MessageState StateOf(const NaiveItem& item, char table) {
  v1::MessageState state;
  state.set_attempt(item.attempt);
  state.set_bytes(static_cast<uint32_t>(item.letter->body().size()));
  state.set_priority(item.letter->priority());
  state.set_group(item.letter->group());
  state.set_expires_ms(item.expires_ms);
  if (table == keys::kDelayed || table == keys::kWaiting) state.set_due_ms(item.not_before_ms);
  if (table == keys::kLeased) state.set_due_ms(item.lease_until_ms);
  state.set_lease(item.lease);
  state.set_receiver(item.holder);
  state.set_came_back(item.came_back);
  state.set_reason(item.reason);
  state.set_hops(item.hops);
  state.set_idle_hops(item.idle_hops);
  return state;
}

// What the model does not keep is left out.
std::string Plain(v1::MessageState state) {
  state.clear_received_ms();
  state.clear_dead_ms();
  state.clear_shared();
  return state.ShortDebugString();
}

std::string CompareItem(const MemoryView& view, const NaiveQueue& queue, const NaiveItem& item) {
  const std::string where = "message " + std::to_string(item.id) + ": ";
  const auto found = Locate(view, queue.id, item.id);
  if (!found) return where + "missing\n";
  const char table = found->table == keys::kReturned ? keys::kReady : found->table;
  const char expected = Letter(queue, item);
  if (table != expected) return where + "is in " + table + ", expected " + expected + "\n";
  const std::string is = Plain(found->state);
  const std::string must = Plain(StateOf(item, expected));
  if (is != must) return where + "is " + is + ", expected " + must + "\n";
  const auto letter = view.Get(keys::Envelope(item.id));
  if (!letter || *letter != item.letter->SerializeAsString()) return where + "another envelope\n";
  return "";
}

}  // namespace

std::string NaiveModel::Compare(const MemoryView& view) const {
  std::ostringstream out;
  const auto user_records = Table<v1::UserRecord>(view, keys::kUser);
  if (user_records.size() != users.size()) out << "number of users\n";
  for (const auto& [name, user] : users) {
    auto it = user_records.find(name);
    if (it == user_records.end() || it->second.password_revision() != user.revision ||
        it->second.admin() != user.admin)
      out << "user " << name << "\n";
  }
  const auto session_records = Table<v1::SessionRecord>(view, keys::kSession);
  if (session_records.size() != sessions.size()) out << "number of sessions\n";
  for (const auto& [hash, session] : sessions) {
    auto it = session_records.find(hash);
    if (it == session_records.end() || it->second.user() != session.user ||
        it->second.expires_ms() != session.expires_ms || it->second.id() != session.id ||
        it->second.address() != session.address)
      out << "session " << hash << "\n";
  }
  const auto topic_records = Table<v1::TopicRecord>(view, keys::kTopic);
  if (topic_records.size() != topics.size()) out << "number of topics\n";
  for (const auto& [name, topic] : topics) {
    auto it = topic_records.find(name);
    if (it == topic_records.end() || it->second.id() != topic.id || it->second.owner() != topic.owner ||
        static_cast<size_t>(it->second.publishers().users_size()) != topic.publishers.size())
      out << "topic " << name << "\n";
  }
  const auto subscription_records = Table<v1::SubscriptionRecord>(view, keys::kSubscription);
  if (subscription_records.size() != subscriptions.size()) out << "number of subscriptions\n";
  for (const auto& [id, subscription] : subscriptions) {
    auto it = subscription_records.find(keys::Subscription(id).substr(1));
    if (it == subscription_records.end() || it->second.queue() != subscription.queue)
      out << "subscription " << id << "\n";
  }
  const auto queue_records = Table<v1::QueueRecord>(view, keys::kQueue);
  if (queue_records.size() != queues.size()) out << "number of queues\n";
  for (const auto& [name, queue] : queues) {
    auto it = queue_records.find(name);
    if (it == queue_records.end() || it->second.id() != queue.id || it->second.owner() != queue.owner ||
        it->second.settings().SerializeAsString() != queue.settings.SerializeAsString() ||
        it->second.lost_dead_letter() != queue.lost_dead_letter) {
      out << "queue " << name << "\n";
      continue;
    }
    v1::QueueState state;
    state.ParseFromString(view.Get(keys::QueueState(queue.id)).value_or(""));
    const auto& counts = state.counts();
    std::map<char, uint64_t> in;
    for (const auto& item : queue.items) ++in[Letter(queue, item)];
    if (counts.ready() != in[keys::kReady] || counts.blocked() != in[keys::kWaiting] ||
        counts.leased() != in[keys::kLeased] || counts.delayed() != in[keys::kDelayed] ||
        counts.dead() != in[keys::kDead])
      out << "number of messages in " << name << "\n";
    for (const auto& item : queue.items) out << CompareItem(view, queue, item);
    std::vector<uint64_t> order;
    VisitReady(view, queue.id, state, [&](char, uint64_t id, const v1::MessageState&) {
      order.push_back(id);
      return true;
    });
    std::vector<uint64_t> expected;
    NaiveQueue copy = queue;
    for (const auto* item : InOrder(&copy)) expected.push_back(item->id);
    if (order != expected) out << "order of delivery in " << name << "\n";
  }
  return out.str();
}

}  // namespace mom::broker::test
