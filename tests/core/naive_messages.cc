// Messages of the naive model: receiving, expiring, removing.
#include <algorithm>
#include <tuple>

#include "tests/core/naive_model.h"

namespace mom::broker::test {
namespace {

constexpr int64_t kLongestLeaseMs = 12LL * 3600 * 1000;

}  // namespace

bool NaiveModel::Waits(const NaiveQueue& queue, const NaiveItem& item) const {
  if (item.letter->group().empty() || item.where == Where::kDead) return false;
  return queue.turns.at(item.letter->group()) != item.id;
}

bool NaiveModel::HasRoom(const NaiveQueue& queue, uint64_t messages, uint64_t bytes) const {
  for (const auto& item : queue.items) bytes += item.letter->body().size();
  const auto& s = queue.settings;
  return (s.max_messages() == 0 || queue.items.size() + messages <= s.max_messages()) &&
         (s.max_bytes() == 0 || bytes <= s.max_bytes());
}

// What can be taken, in order of delivery.
std::vector<NaiveItem*> NaiveModel::InOrder(NaiveQueue* queue) const {
  std::vector<NaiveItem*> ready;
  for (auto& item : queue->items) {
    if (item.where == Where::kReady && !Waits(*queue, item)) ready.push_back(&item);
  }
  std::stable_sort(ready.begin(), ready.end(), [](const NaiveItem* a, const NaiveItem* b) {
    return a->letter->priority() > b->letter->priority();
  });
  return ready;
}

bool NaiveModel::HasReady(const std::string& name) const {
  auto queue = queues.find(name);
  if (queue == queues.end()) return false;
  return std::any_of(queue->second.items.begin(), queue->second.items.end(), [&](const NaiveItem& item) {
    return item.where == Where::kReady && !Waits(queue->second, item);
  });
}

NaiveItem* NaiveModel::FindItem(NaiveQueue* queue, uint64_t id) const {
  for (auto& item : queue->items)
    if (item.id == id) return &item;
  return nullptr;
}

NaiveQueue* NaiveModel::QueueOf(uint64_t queue_id) {
  for (auto& [name, queue] : queues)
    if (queue.id == queue_id) return &queue;
  return nullptr;
}

// The item may move now, or after its delay.
void NaiveModel::Settle(NaiveQueue* queue, NaiveItem* item) {
  const std::string& group = item->letter->group();
  if (!group.empty()) queue->turns.emplace(group, item->id);
  const bool later = item->not_before_ms > now_ms_;
  item->where = later && !Waits(*queue, *item) ? Where::kDelayed : Where::kReady;
  if (!later) item->not_before_ms = 0;
}

void NaiveModel::Insert(NaiveQueue* queue, NaiveItem item, int64_t not_before_ms) {
  const uint64_t id = item.id;
  item.not_before_ms = not_before_ms;
  queue->items.push_back(std::move(item));
  std::sort(queue->items.begin(), queue->items.end(), [](auto& a, auto& b) { return a.id < b.id; });
  Settle(queue, FindItem(queue, id));
}

// `id` is dead or gone: the next of its group, by age, may move.
void NaiveModel::EndTurn(NaiveQueue* queue, uint64_t id, const std::string& group) {
  auto turn = queue->turns.find(group);
  if (turn == queue->turns.end() || turn->second != id) return;
  queue->turns.erase(turn);
  for (auto& item : queue->items) {
    if (item.letter->group() != group || item.where == Where::kDead || item.id == id) continue;
    Settle(queue, &item);
    return;
  }
}

void NaiveModel::Erase(NaiveQueue* queue, uint64_t id) {
  const std::string group = FindItem(queue, id)->letter->group();
  std::erase_if(queue->items, [&](const auto& item) { return item.id == id; });
  if (!group.empty()) EndTurn(queue, id, group);
}

Expected NaiveModel::Do(const v1::Receive& c) {
  Expected e;
  NaiveQueue* queue = Visible(c.queue(), &e.errors);
  if (c.lease_ms() < 0 || c.lease_ms() > kLongestLeaseMs) e.errors.insert(v1::ERROR_MALFORMED);
  if (!queue) return e;
  const auto& s = queue->settings;
  const auto& names = s.receivers().users();
  const bool listed = s.receivers().anyone() || std::count(names.begin(), names.end(), user_) > 0;
  const bool may = s.receiver().empty() ? queue->owner == user_ || listed : s.receiver() == user_;
  if (!may) e.errors.insert(v1::ERROR_NOT_ALLOWED);
  if (!e.errors.empty()) return e;
  const bool with_letters = keep_bodies_ || c.auto_ack();
  const uint64_t bytes_max = std::min<uint64_t>(c.bytes_max(), 2 * 1024 * 1024);
  std::vector<uint64_t> taken, expired;
  uint64_t bytes = 0;
  for (const NaiveItem* item : InOrder(queue)) {
    if (item->expires_ms && item->expires_ms <= now_ms_) {
      expired.push_back(item->id);
      continue;
    }
    const uint64_t weight = with_letters ? item->letter->ByteSizeLong() : item->letter->body().size();
    if (!taken.empty() && bytes + weight > bytes_max) break;
    bytes += weight;
    taken.push_back(item->id);
    if (taken.size() >= std::clamp<uint32_t>(c.max(), 1, 1000)) break;
  }
  const uint64_t lease = NewPosition();
  for (uint64_t id : taken) FindItem(queue, id)->where = Where::kLeased;
  for (uint64_t id : expired) Expire(queue, id);
  e.reply.mutable_receive();
  for (uint64_t id : taken) {
    NaiveItem* item = FindItem(queue, id);
    v1::Delivery* delivery = e.reply.mutable_receive()->add_messages();
    delivery->set_id(id);
    delivery->set_attempt(++item->attempt);
    if (with_letters) *delivery->mutable_envelope() = *item->letter;
    if (c.auto_ack()) {
      Erase(queue, id);
      continue;
    }
    item->lease = lease;
    item->holder = user_;
    item->came_back = false;
    item->lease_until_ms = now_ms_ + (c.lease_ms() ? c.lease_ms() : s.lease_ms());
    delivery->set_lease(lease);
    delivery->set_lease_until_ms(item->lease_until_ms);
  }
  return e;
}

Expected NaiveModel::Do(const v1::DeleteMessage& c) {
  Expected e;
  NaiveQueue* queue = Owned(c.queue(), &e.errors);
  if (!queue) return e;
  const NaiveItem* item = FindItem(queue, c.id());
  if (!item) return Expected{{v1::ERROR_MESSAGE_NOT_FOUND}, {}};
  if (item->where == Where::kLeased) return Expected{{v1::ERROR_MESSAGE_LEASED}, {}};
  Erase(queue, c.id());
  return e;
}

// Waiting ones first, then delayed, dead and ready ones, each from the oldest.
Expected NaiveModel::Do(const v1::PurgeQueue& c) {
  Expected e;
  NaiveQueue* queue = Owned(c.name(), &e.errors);
  if (!queue) return e;
  std::vector<uint64_t> ids;
  for (const auto& item : queue->items)
    if (Waits(*queue, item)) ids.push_back(item.id);
  std::sort(ids.begin(), ids.end(), [&](uint64_t a, uint64_t b) { return a < b; });
  for (Where where : {Where::kDelayed, Where::kDead}) {
    for (const auto& item : queue->items) {
      if (item.where == where && !Waits(*queue, item)) ids.push_back(item.id);
    }
  }
  for (const NaiveItem* item : InOrder(queue)) ids.push_back(item->id);
  ids.resize(std::min<size_t>(ids.size(), std::clamp<uint32_t>(c.max(), 1, 10'000)));
  for (uint64_t id : ids) Erase(queue, id);
  e.reply.mutable_count()->set_count(ids.size());
  e.reply.mutable_count()->set_more(std::any_of(queue->items.begin(), queue->items.end(),
                                                [](auto& i) { return i.where != Where::kLeased; }));
  return e;
}

// Everything due is listed first, the longest due first, then done one by one if it still stands.
void NaiveModel::Clock(uint64_t offset, int64_t now_ms) {
  offset_ = offset;
  now_ms_ = now_ms;
  positions_ = 0;
  std::set<std::tuple<int64_t, char, uint64_t, uint64_t>> due;  // When, what, queue, message or lease.
  for (const auto& [name, queue] : queues) {
    for (const auto& item : queue.items) {
      if (item.where == Where::kDelayed) due.emplace(item.not_before_ms, 'd', queue.id, item.id);
      if (item.where == Where::kLeased) due.emplace(item.lease_until_ms, 'l', queue.id, item.lease);
      if (item.expires_ms && !item.expiry_seen) due.emplace(item.expires_ms, 'e', queue.id, item.id);
    }
  }
  for (const auto& [due_ms, kind, queue_id, id] : due) {
    if (due_ms <= now_ms) RunDue(kind, queue_id, id, due_ms);
  }
  std::erase_if(sessions, [&](const auto& s) { return s.second.expires_ms <= now_ms; });
  std::erase_if(keys, [&](const auto& k) { return k.second.created_ms + 24LL * 3600 * 1000 <= now_ms; });
}

void NaiveModel::RunDue(char kind, uint64_t queue_id, uint64_t id, int64_t due_ms) {
  NaiveQueue* queue = QueueOf(queue_id);
  if (kind == 'l') {
    std::vector<uint64_t> ended;
    for (const auto& item : queue->items) {
      if (item.where == Where::kLeased && item.lease == id && item.lease_until_ms == due_ms) {
        ended.push_back(item.id);
      }
    }
    for (uint64_t message : ended) {
      FindItem(queue, message)->came_back = true;
      GiveBack(queue, message, 0, "lease ran out");
    }
    return;
  }
  NaiveItem* item = FindItem(queue, id);
  if (!item) return;
  if (kind == 'd' && item->where == Where::kDelayed) Settle(queue, item);
  if (kind == 'e' && item->where != Where::kDead) {
    if (item->where == Where::kLeased) item->expiry_seen = true;
    if (item->where != Where::kLeased) Expire(queue, id);
  }
}

}  // namespace mom::broker::test
