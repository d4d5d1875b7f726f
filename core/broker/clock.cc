#include "core/broker/idempotency.h"
#include "core/broker/keys.h"
#include "core/broker/message_store.h"
#include "core/broker/operations.h"

namespace mom::broker {
namespace {

// Keys of timers due by now, oldest first.
std::vector<std::string> DueTimers(const Context& context) {
  const std::string table(1, keys::kTimer);
  std::string end = table;
  keys::AppendU64(&end, static_cast<uint64_t>(context.now_ms()) + 1);
  std::vector<std::string> due;
  size_t messages = 0;
  auto it = context.reader().NewIterator();
  for (it->Seek(table); messages < kTimersPerEntryMax && it->Valid() && it->key().starts_with(table);
       it->Next()) {
    if (it->key() >= end) break;
    due.emplace_back(it->key());
    messages += 1;
    if (it->key()[9] == keys::kTimerLease) {
      v1::LeaseTimer timer;
      MOM_CHECK(timer.ParseFromArray(it->value().data(), static_cast<int>(it->value().size())));
      messages += static_cast<size_t>(timer.ids_size());
    }
  }
  return due;
}

void EndLeases(Context* context, const QueueHandle& queue, const std::string& key) {
  const auto timer = context->Get<v1::LeaseTimer>(key);
  MOM_CHECK(timer.has_value(), queue.name);
  for (uint64_t id : timer->ids()) {
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
  Lift(context, queue, *located);
  Expire(context, queue, id, located->state);
}

void EndDelay(Context* context, const QueueHandle& queue, uint64_t id) {
  auto state = context->Get<v1::MessageState>(keys::Message(keys::kDelayed, queue.id(), id));
  MOM_CHECK(state.has_value(), queue.name, id);
  Lift(context, queue, Located{keys::kDelayed, id, *state});
  Place(context, queue, id, *std::move(state), 0);
}

void RunTimer(Context* context, const std::string& key) {
  const char kind = key[9];
  const std::string_view rest = std::string_view(key).substr(10);
  if (kind == keys::kTimerSession) {
    auto session = context->Get<v1::SessionRecord>(keys::Session(rest));
    MOM_CHECK(session.has_value());
    EndSession(context, rest, *session);
    return;
  }
  if (kind == keys::kTimerDedup) {
    context->Delete(rest);
    context->Delete(key);
    return;
  }
  const QueueHandle queue = QueueById(*context, keys::ReadU64(rest, 0));  // An emptied queue has no timers.
  const uint64_t id = keys::ReadU64(rest, 8);
  switch (kind) {
    case keys::kTimerLease:
      EndLeases(context, queue, key);
      break;
    case keys::kTimerExpire:
      EndTimeToLive(context, queue, id);
      context->Delete(key);
      break;
    case keys::kTimerDelay:
      EndDelay(context, queue, id);
      break;
    default:
      MOM_CHECK(false, static_cast<int>(kind));
  }
}

}  // namespace

void RunTimers(Context* context) {
  for (const std::string& key : DueTimers(*context)) {
    // An earlier one of this round may have done its work already.
    const bool cached = key[9] == keys::kTimerLease;
    if (!cached && !context->Has(key)) continue;
    RunTimer(context, key);
  }
  ForgetOldKeys(context);
}

}  // namespace mom::broker
