#include "core/broker/message_store.h"

#include <algorithm>
#include <utility>

#include "core/broker/keys.h"
#include "core/broker/lanes.h"

namespace mom::broker {
namespace {

template <typename Record>
std::optional<Record> Read(const ViewReader& view, std::string_view key) {
  auto bytes = view.Get(key);
  if (!bytes) return std::nullopt;
  Record record;
  MOM_CHECK(record.ParseFromString(*bytes), key.substr(0, 1));
  return record;
}

// A message that may stand in the queue now, as far as its group is concerned.
void Settle(Context* context, const QueueHandle& queue, uint64_t message_id, v1::MessageState state,
            int64_t not_before_ms) {
  v1::QueueCounts* counts = context->State(queue.id())->mutable_counts();
  if (not_before_ms > context->now_ms()) {
    state.set_due_ms(not_before_ms);
    context->Put(keys::Message(keys::kDelayed, queue.id(), message_id), state);
    context->Mark(keys::Timer(not_before_ms, keys::kTimerDelay, keys::Pair(queue.id(), message_id)));
    counts->set_delayed(counts->delayed() + 1);
    return;
  }
  state.clear_due_ms();
  AddToLane(context, queue.id(), message_id, state);
  counts->set_ready(counts->ready() + 1);
  context->woken.insert(queue.name);
}

// `leaving` is blocked no more. Looks only behind the first one, where no deleted keys lie but those of
// blocked messages that left out of turn, and these once.
void AdvanceBlocked(Context* context, uint64_t queue_id, uint64_t leaving) {
  v1::QueueState* queue = context->State(queue_id);
  if (queue->blocked_head() != leaving) return;
  queue->clear_blocked_head();
  if (queue->counts().blocked() == 0) return;
  const auto it = context->view()->NewIterator();
  it->Seek(keys::Message(keys::kWaiting, queue_id, leaving + 1));
  const std::string prefix = keys::Prefix(keys::kWaiting, queue_id);
  MOM_CHECK(it->Valid() && it->key().starts_with(prefix), queue_id, leaving);
  queue->set_blocked_head(keys::ReadU64(it->key(), prefix.size()));
}

// The message of `group` whose turn it was leaves; the next one, in log order, takes the turn.
void AdvanceGroup(Context* context, const QueueHandle& queue, uint64_t leaving, const std::string& group) {
  const std::string group_key = keys::Group(queue.id(), group);
  auto turn = context->Get<v1::GroupState>(group_key);
  MOM_CHECK(turn.has_value(), queue.name);
  if (turn->active() != leaving) return;
  std::string prefix = keys::GroupMember(queue.id(), group, 0);
  prefix.resize(prefix.size() - sizeof(uint64_t));
  auto it = context->view()->NewIterator();
  it->Seek(keys::GroupMember(queue.id(), group, turn->first()));
  if (!it->Valid() || !it->key().starts_with(prefix) || it->key().size() != prefix.size() + 8) {
    context->Delete(group_key);
    return;
  }
  const uint64_t next = keys::ReadU64(it->key(), prefix.size());
  it.reset();
  auto waiting = context->Get<v1::MessageState>(keys::Message(keys::kWaiting, queue.id(), next));
  MOM_CHECK(waiting.has_value(), queue.name, next);
  turn->set_active(next);
  turn->set_first(next + 1);
  context->Put(group_key, *turn);
  Lift(context, queue, Located{keys::kWaiting, next, *waiting});
  const int64_t not_before = waiting->due_ms();
  Settle(context, queue, next, *std::move(waiting), not_before);
}

void DropReference(Context* context, uint64_t message_id, bool shared) {
  if (shared) {
    auto bytes = context->view()->Get(keys::References(message_id));
    const uint64_t count = bytes ? keys::ReadU64(*bytes, 0) : 1;
    if (count > 1) {
      SetReferences(context, message_id, count - 1);
      return;
    }
    context->Delete(keys::References(message_id));
  }
  context->Delete(keys::Envelope(message_id));
}

}  // namespace

std::optional<QueueHandle> FindQueue(const ViewReader& view, const std::string& name) {
  auto record = Read<v1::QueueRecord>(view, keys::Queue(name));
  if (!record) return std::nullopt;
  return QueueHandle{name, *std::move(record)};
}

std::optional<QueueHandle> FindQueue(const Context& context, const std::string& name) {
  auto record = context.Get<v1::QueueRecord>(keys::Queue(name));
  if (!record) return std::nullopt;
  return QueueHandle{name, *std::move(record)};
}

std::optional<QueueHandle> QueueById(const Context& context, uint64_t queue_id) {
  auto name = context.reader().Get(keys::QueueName(queue_id));
  if (!name) return std::nullopt;
  auto queue = FindQueue(context, *name);
  MOM_CHECK(queue.has_value() && queue->id() == queue_id, queue_id);
  return queue;
}

std::optional<Located> Locate(const ViewReader& view, uint64_t queue_id, uint64_t message_id) {
  for (char table : {keys::kLeased, keys::kDelayed, keys::kWaiting, keys::kDead}) {
    auto state = Read<v1::MessageState>(view, keys::Message(table, queue_id, message_id));
    if (state) return Located{table, message_id, *std::move(state)};
  }
  auto envelope = Read<v1::Envelope>(view, keys::Envelope(message_id));
  if (!envelope) return std::nullopt;
  for (char table : {keys::kReady, keys::kReturned}) {
    auto state = Read<v1::MessageState>(view, keys::Ready(table, queue_id, envelope->priority(), message_id));
    if (state) return Located{table, message_id, *std::move(state)};
  }
  return std::nullopt;
}

std::optional<Located> Locate(const Context& context, uint64_t queue_id, uint64_t message_id) {
  return Locate(context.reader(), queue_id, message_id);
}

void Place(Context* context, const QueueHandle& queue, uint64_t message_id, v1::MessageState state,
           int64_t not_before_ms) {
  if (state.group().empty()) {
    Settle(context, queue, message_id, std::move(state), not_before_ms);
    return;
  }
  const std::string group_key = keys::Group(queue.id(), state.group());
  auto turn = context->Get<v1::GroupState>(group_key).value_or(v1::GroupState());
  if (turn.active() == 0 || turn.active() == message_id) {
    if (turn.active() == 0) {
      turn.set_active(message_id);
      turn.set_first(message_id);
      context->Put(group_key, turn);
    }
    Settle(context, queue, message_id, std::move(state), not_before_ms);
    return;
  }
  if (message_id < turn.first()) {
    turn.set_first(message_id);
    context->Put(group_key, turn);
  }
  state.set_due_ms(not_before_ms > context->now_ms() ? not_before_ms : 0);
  context->Put(keys::Message(keys::kWaiting, queue.id(), message_id), state);
  context->Mark(keys::GroupMember(queue.id(), state.group(), message_id));
  v1::QueueState* in_queue = context->State(queue.id());
  in_queue->mutable_counts()->set_blocked(in_queue->counts().blocked() + 1);
  const uint64_t head = in_queue->blocked_head();
  in_queue->set_blocked_head(head == 0 ? message_id : std::min(head, message_id));
}

void Lift(Context* context, const QueueHandle& queue, const Located& located) {
  v1::QueueCounts* counts = context->State(queue.id())->mutable_counts();
  const v1::MessageState& state = located.state;
  if (located.table == keys::kReady || located.table == keys::kReturned) {
    RemoveFromLane(context, queue.id(), located.table, located.message_id, state.priority());
    counts->set_ready(counts->ready() - 1);
    return;
  }
  context->Delete(keys::Message(located.table, queue.id(), located.message_id));
  switch (located.table) {
    case keys::kWaiting:
      context->Delete(keys::GroupMember(queue.id(), state.group(), located.message_id));
      counts->set_blocked(counts->blocked() - 1);
      AdvanceBlocked(context, queue.id(), located.message_id);
      break;
    case keys::kDelayed:
      counts->set_delayed(counts->delayed() - 1);
      break;
    case keys::kLeased:
      context->RemoveLease(state.due_ms(), queue.id(), state.lease(), located.message_id);
      counts->set_leased(counts->leased() - 1);
      break;
    case keys::kDead:
      counts->set_dead(counts->dead() - 1);
      break;
    default:
      MOM_CHECK(false, static_cast<int>(located.table));
  }
}

void Discard(Context* context, const QueueHandle& queue, uint64_t message_id, const v1::MessageState& state) {
  v1::QueueCounts* counts = context->State(queue.id())->mutable_counts();
  MOM_CHECK(counts->bytes() >= state.bytes(), queue.name, counts->bytes(), state.bytes());
  counts->set_bytes(counts->bytes() - state.bytes());
  DropReference(context, message_id, state.shared());
  if (!state.group().empty() && state.dead_ms() == 0) AdvanceGroup(context, queue, message_id, state.group());
}

void PutLeased(Context* context, const QueueHandle& queue, uint64_t message_id,
               const v1::MessageState& state) {
  context->Put(keys::Message(keys::kLeased, queue.id(), message_id), state);
  context->AddLease(state.due_ms(), queue.id(), state.lease(), message_id);
  auto* counts = context->State(queue.id())->mutable_counts();
  counts->set_leased(counts->leased() + 1);
}

void PutDead(Context* context, const QueueHandle& queue, uint64_t message_id, v1::MessageState state) {
  const std::string group = state.group();
  state.set_dead_ms(context->now_ms());
  state.clear_due_ms();
  state.clear_expires_ms();
  context->Put(keys::Message(keys::kDead, queue.id(), message_id), state);
  auto* counts = context->State(queue.id())->mutable_counts();
  counts->set_dead(counts->dead() + 1);
  if (!group.empty()) AdvanceGroup(context, queue, message_id, group);
}

void ReturnAtOnce(Context* context, const QueueHandle& queue, uint64_t message_id, v1::MessageState state) {
  if (state.expires_ms() != 0 && state.expires_ms() <= context->now_ms()) {
    // Its timer was used up while it was leased.
    context->Mark(keys::Timer(context->now_ms() + 1, keys::kTimerExpire, keys::Pair(queue.id(), message_id)));
  }
  Place(context, queue, message_id, std::move(state), 0);
}

void SetReferences(Context* context, uint64_t message_id, uint64_t count) {
  std::string bytes;
  keys::AppendU64(&bytes, count);
  context->view()->Put(keys::References(message_id), std::move(bytes));
}

uint64_t MessageCount(const v1::QueueCounts& counts) {
  return counts.ready() + counts.leased() + counts.delayed() + counts.dead() + counts.blocked();
}

}  // namespace mom::broker
