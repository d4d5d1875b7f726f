#include "core/broker/context.h"

#include <utility>

#include "core/broker/access.h"
#include "core/broker/keys.h"

namespace mom::broker {
namespace {

std::string LeaseKey(int64_t due_ms, uint64_t queue_id, uint64_t lease) {
  return keys::Timer(due_ms, keys::kTimerLease, keys::Pair(queue_id, lease));
}

}  // namespace

v1::QueueState* Context::State(uint64_t queue_id) {
  auto it = states_.find(queue_id);
  if (it == states_.end()) {
    auto state = Get<v1::QueueState>(keys::QueueState(queue_id));
    MOM_CHECK(state.has_value(), queue_id);
    it = states_.emplace(queue_id, *std::move(state)).first;
  }
  return &it->second;
}

std::set<uint64_t>* Context::Lease(int64_t due_ms, uint64_t queue_id, uint64_t lease) {
  const auto [it, is_new] = leases_.try_emplace(LeaseId(due_ms, queue_id, lease));
  if (!is_new) return &it->second;
  if (auto timer = Get<v1::LeaseTimer>(LeaseKey(due_ms, queue_id, lease))) {
    it->second.insert(timer->ids().begin(), timer->ids().end());
    if (!timer->touched()) untouched_leases_.insert(lease);
  }
  return &it->second;
}

void Context::AddLease(int64_t due_ms, uint64_t queue_id, uint64_t lease, uint64_t message_id) {
  Lease(due_ms, queue_id, lease)->insert(message_id);
}

void Context::RemoveLease(int64_t due_ms, uint64_t queue_id, uint64_t lease, uint64_t message_id) {
  MOM_CHECK(Lease(due_ms, queue_id, lease)->erase(message_id) == 1, queue_id, message_id);
}

void Context::Flush() {
  for (const auto& [id, ids] : leases_) {
    const std::string key = std::apply(LeaseKey, id);
    if (ids.empty() && std::get<0>(id) <= now_.ms) {
      Delete(key);
      continue;
    }
    v1::LeaseTimer timer;  // An empty one stays until it is due.
    timer.mutable_ids()->Add(ids.begin(), ids.end());
    timer.set_touched(!ids.empty() && std::get<2>(id) < offset_.value * kPositionsPerEntryMax);
    Put(key, timer);
  }
  leases_.clear();
  FlushAcknowledged();
  for (const auto& [queue_id, state] : states_) Put(keys::QueueState(queue_id), state);
  states_.clear();
}

v1::Reply Refuse(v1::ErrorCode error, std::string detail) {
  v1::Reply reply;
  reply.set_error(error);
  reply.set_detail(std::move(detail));
  return reply;
}

v1::Reply CheckName(std::string_view what, std::string_view name) {
  if (IsName(name)) return v1::Reply();
  return Refuse(v1::ERROR_MALFORMED,
                "the name of a " + std::string(what) +
                    " is 1 to 128 of A-Z a-z 0-9 . _ -, beginning with a letter or digit");
}

std::vector<std::string> KeysWithPrefix(const ViewReader& view, std::string_view prefix, size_t max) {
  std::vector<std::string> found;
  auto it = view.NewIterator();
  for (it->Seek(prefix); found.size() < max && it->Valid() && it->key().starts_with(prefix); it->Next()) {
    found.emplace_back(it->key());
  }
  return found;
}

}  // namespace mom::broker
