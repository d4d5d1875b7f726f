#include "tests/core/oldest_follower.h"

#include <algorithm>

#include "core/broker/keys.h"
#include "core/broker/lanes.h"

namespace mom::broker::test {
namespace {

bool IsWaitingKey(const std::string& key) {
  return key[0] == keys::kReady || key[0] == keys::kReturned || key[0] == keys::kWaiting;
}

// Found by looking at all of them.
std::map<uint64_t, uint64_t> Oldest(const MemoryView& view) {
  std::map<uint64_t, uint64_t> oldest;
  for (char table : {keys::kReady, keys::kReturned, keys::kWaiting}) {
    const std::string prefix(1, table);
    for (auto it = view.contents().lower_bound(prefix); it != view.contents().end(); ++it) {
      if (it->first[0] != table) break;
      const uint64_t queue = keys::ReadU64(it->first, 1);
      const uint64_t message = keys::ReadU64(it->first, it->first.size() - sizeof(uint64_t));
      const auto first = oldest.emplace(queue, message).first;
      first->second = std::min(first->second, message);
    }
  }
  return oldest;
}

}  // namespace

std::string OldestFollower::Follow(const ViewBatch& changes, const MemoryView& view) {
  for (const auto& [key, value] : changes) {
    if (!IsWaitingKey(key) || changes.contains(keys::QueueState(keys::ReadU64(key, 1)))) continue;
    return " a ready or blocked message changed, but its queue's state was not written";
  }
  std::erase_if(oldest_, [&](const auto& known) {
    const auto& [queue, message] = known;
    if (!changes.contains(keys::QueueState(queue))) return false;
    const bool is_ended = ChangesWaitingUpTo(changes, queue, message);
    ++(is_ended ? ended : kept);
    return is_ended;
  });
  std::map<uint64_t, uint64_t> now = Oldest(view);
  for (const auto& [queue, message] : oldest_) {
    if (!now.contains(queue) || now[queue] != message)
      return " another message is the oldest of queue " + std::to_string(queue) + " than was known";
  }
  for (const auto& [queue, message] : now) {
    v1::QueueState state;
    if (!state.ParseFromString(view.Get(keys::QueueState(queue)).value()) ||
        OldestWaiting(view, queue, state) != message)
      return " OldestWaiting of queue " + std::to_string(queue);
  }
  oldest_ = std::move(now);
  return "";
}

}  // namespace mom::broker::test
