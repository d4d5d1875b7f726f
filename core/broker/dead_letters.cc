#include "core/broker/dead_letters.h"

#include <utility>

#include "core/broker/arrival.h"
#include "core/broker/keys.h"

namespace mom::broker {
namespace {

// Moves that nobody's receiving came between.
uint32_t IdleHops(const v1::MessageState& state) {
  return state.attempt() > 0 ? 0 : state.idle_hops();
}

// Why a message cannot move into `target`; empty: it can. Moves are bounded, because dead-letter queues may
// form a cycle: strictly while nobody receives the message, for then the cycle runs by itself; widely
// otherwise, so that a queue to retry from can be used for long.
std::string Hindrance(Context* context, const QueueHandle& target, const v1::MessageState& state) {
  if (IdleHops(state) >= kIdleHopsMax)
    return "it was moved " + std::to_string(kIdleHopsMax) + " times without being received";
  if (state.hops() >= kDeadLetterHopsMax)
    return "it was moved " + std::to_string(kDeadLetterHopsMax) + " times";
  switch (EntranceOf(context, target, 1, state.bytes())) {
    case Entrance::kOpen:
      return "";
    case Entrance::kClosed:
      return "dead-letter queue '" + target.name + "' is closed";
    case Entrance::kFull:
      return "dead-letter queue '" + target.name + "' is full";
  }
  MOM_CHECK(false, target.name);
  return "";
}

void NoteMove(Context* context, const std::string& queue_name, const std::string& reason,
              v1::Envelope* envelope) {
  v1::DeadLetter* move = envelope->add_dead_letters();
  move->set_queue(queue_name);
  move->set_reason(reason);
  move->set_at_ms(context->now_ms());
  envelope->set_dead_letter_count(envelope->dead_letter_count() + 1);
  const int excess = envelope->dead_letters_size() - kDeadLettersKept;
  if (excess > 0) envelope->mutable_dead_letters()->DeleteSubrange(0, excess);
}

// Moves a lifted message into `target` as a new one. REQUIRES: nothing hinders it.
void MoveTo(Context* context, const QueueHandle& target, const QueueHandle& queue, uint64_t message_id,
            const v1::MessageState& state, const std::string& reason) {
  auto envelope = context->Get<v1::Envelope>(keys::Envelope(message_id));
  MOM_CHECK(envelope.has_value(), queue.name, message_id);
  NoteMove(context, queue.name, reason, &*envelope);
  const uint64_t moved_id = context->NewPosition();
  context->Put(keys::Envelope(moved_id), *envelope);
  v1::MessageState moved;
  moved.set_bytes(state.bytes());
  moved.set_priority(state.priority());
  moved.set_group(state.group());
  moved.set_hops(state.hops() + 1);
  moved.set_idle_hops(IdleHops(state) + 1);
  Arrive(context, target, moved_id, std::move(moved), Terms());
  Discard(context, queue, message_id, state);
}

// A lifted message is not tried any more: it moves to the dead-letter queue, or stays here as dead.
void Bury(Context* context, const QueueHandle& queue, uint64_t message_id, v1::MessageState state,
          const std::string& reason) {
  const std::string& target_name = queue.record.settings().dead_letter();
  const std::string& lost = queue.record.lost_dead_letter();
  std::string hindrance;
  if (!target_name.empty()) {
    auto target = FindQueue(*context, target_name);
    MOM_CHECK(target.has_value(), queue.name, target_name);  // Deleting a queue clears references to it.
    hindrance = Hindrance(context, *target, state);
    if (hindrance.empty()) return MoveTo(context, *target, queue, message_id, state, reason);
  } else if (!lost.empty()) {
    hindrance = "dead-letter queue '" + lost + "' is gone or takes nothing from this queue's owner";
  }
  state.set_reason(hindrance.empty() ? reason : reason + "; not moved: " + hindrance);
  PutDead(context, queue, message_id, std::move(state));
}

}  // namespace

void GiveBack(Context* context, const QueueHandle& queue, uint64_t message_id, v1::MessageState state,
              int64_t not_before_ms, const std::string& reason) {
  if (state.expires_ms() != 0 && state.expires_ms() <= context->now_ms()) {
    Expire(context, queue, message_id, state);
    return;
  }
  if (state.attempt() < queue.record.settings().max_attempts()) {
    Place(context, queue, message_id, std::move(state), not_before_ms);
    return;
  }
  Bury(context, queue, message_id, std::move(state), reason);
}

void Expire(Context* context, const QueueHandle& queue, uint64_t message_id, const v1::MessageState& state) {
  if (queue.record.settings().dead_letter().empty() && queue.record.lost_dead_letter().empty()) {
    Discard(context, queue, message_id, state);
    return;
  }
  Bury(context, queue, message_id, state, "time to live ran out");
}

void Revive(Context* context, const QueueHandle& queue, const Located& located) {
  MOM_CHECK(located.table == keys::kDead);
  Lift(context, queue, located);
  v1::MessageState state = located.state;
  auto* counts = context->State(queue.id())->mutable_counts();
  counts->set_bytes(counts->bytes() - state.bytes());  // It leaves, and arrives again.
  state.clear_attempt();
  state.clear_reason();
  state.clear_dead_ms();
  state.clear_came_back();
  state.clear_lease();
  state.clear_hops();
  state.clear_idle_hops();
  Arrive(context, queue, located.message_id, std::move(state), Terms());
}

}  // namespace mom::broker
