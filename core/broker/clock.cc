#include "core/broker/dead_letters.h"
#include "core/broker/idempotency.h"
#include "core/broker/keys.h"
#include "core/broker/message_store.h"
#include "core/broker/operations.h"
#include "core/broker/settled.h"

namespace mom::broker {
namespace {

// Keys of timers due by now, oldest first, and when the next one after them can be due.
struct Due {
  std::vector<std::string> keys;
  uint64_t floor_ms = 0;
};

Due DueTimers(const Context& context) {
  const uint64_t now_ms = static_cast<uint64_t>(context.now_ms());
  Due due{{}, now_ms + 1};
  size_t messages = 0;
  auto it = context.reader().NewIterator();
  const std::string table(1, keys::kTimer);
  for (it->Seek(FirstTimer(context.reader())); it->Valid() && it->key().starts_with(table); it->Next()) {
    const uint64_t due_ms = keys::ReadU64(it->key(), 1);
    if (due_ms > now_ms) break;
    if (messages >= kTimersPerEntryMax) {
      due.floor_ms = due_ms;
      break;
    }
    due.keys.emplace_back(it->key());
    messages += 1;
    if (it->key()[9] == keys::kTimerLease) {
      v1::LeaseTimer timer;
      MOM_CHECK(timer.ParseFromArray(it->value().data(), static_cast<int>(it->value().size())));
      messages += static_cast<size_t>(timer.ids_size());
    }
  }
  return due;
}

void EndLeases(Context* context, const QueueHandle& queue, const v1::LeaseTimer& timer) {
  for (uint64_t id : timer.ids()) {
    auto state = context->Get<v1::MessageState>(keys::Message(keys::kLeased, queue.id(), id));
    MOM_CHECK(state.has_value(), queue.name, id);
    Lift(context, queue, Located{keys::kLeased, id, *state});
    state->set_came_back(true);
    GiveBack(context, queue, id, *std::move(state), 0, "lease ran out");
  }
}

// A leased message is left alone: it is looked at again when it comes back.
void EndTimeToLive(Context* context, const QueueHandle& queue, uint64_t id) {
  auto located = Locate(*context, queue.id(), id);
  if (!located || located->table == keys::kLeased || located->table == keys::kDead) return;
  if (located->state.expires_ms() == 0 || located->state.expires_ms() > context->now_ms()) return;
  Lift(context, queue, *located);
  Expire(context, queue, id, located->state);
}

void EndDelay(Context* context, const QueueHandle& queue, uint64_t id) {
  auto state = context->Get<v1::MessageState>(keys::Message(keys::kDelayed, queue.id(), id));
  if (!state || state->due_ms() > context->now_ms()) return;
  Lift(context, queue, Located{keys::kDelayed, id, *state});
  Place(context, queue, id, *std::move(state), 0);
}

// Timers that name a message of a queue.
void RunMessageTimer(Context* context, char kind, std::string_view rest, const v1::LeaseTimer& lease) {
  auto queue = QueueById(*context, keys::ReadU64(rest, 0));
  if (!queue) return;
  const uint64_t id = keys::ReadU64(rest, 8);
  switch (kind) {
    case keys::kTimerLease:
      EndLeases(context, *queue, lease);
      break;
    case keys::kTimerExpire:
      EndTimeToLive(context, *queue, id);
      break;
    case keys::kTimerDelay:
      EndDelay(context, *queue, id);
      break;
    default:
      MOM_CHECK(false, static_cast<int>(kind));
  }
}

// What a timer is about may have ended otherwise, or been put off to a later one.
void RunTimer(Context* context, const std::string& key) {
  const char kind = key[9];
  const std::string_view rest = std::string_view(key).substr(10);
  if (kind == keys::kTimerSession) {
    auto session = context->Get<v1::SessionRecord>(keys::Session(rest));
    if (session && session->expires_ms() <= context->now_ms()) EndSession(context, rest, *session);
  } else if (kind == keys::kTimerDedup) {
    auto dedup = context->Get<v1::DedupRecord>(rest);
    if (dedup && dedup->expires_ms() <= context->now_ms()) context->Delete(rest);
  } else {
    v1::LeaseTimer lease;
    if (kind == keys::kTimerLease) lease = context->Get<v1::LeaseTimer>(key).value();
    RunMessageTimer(context, kind, rest, lease);
  }
  context->Delete(key);
}

}  // namespace

std::string FirstTimer(const ViewReader& view) {
  std::string key(1, keys::kTimer);
  if (auto floor = view.Get(keys::TimerFloor())) key += *floor;
  return key;
}

void RunTimers(Context* context) {
  const Due due = DueTimers(*context);
  for (const std::string& key : due.keys) RunTimer(context, key);
  if (!due.keys.empty()) {
    std::string floor;
    keys::AppendU64(&floor, due.floor_ms);
    context->view()->Put(keys::TimerFloor(), std::move(floor));
  }
  ForgetOldKeys(context);
  ForgetSettled(context);
}

}  // namespace mom::broker
