// Dead letters: messages whose attempts or time ran out. They move to the queue's dead-letter queue, or stay
// in their own one as dead; nobody who set a dead-letter queue loses one. See docs/adr/0023.
#pragma once

#include <cstdint>
#include <string>

#include "core/broker/message_store.h"

namespace mom::broker {

// A lifted message goes back to its old place, keeping its turn in its group; `not_before_ms` 0: at once.
// With its attempts used up it moves to the dead-letter queue or becomes dead, for `reason`.
void GiveBack(Context* context, const QueueHandle& queue, uint64_t message_id, v1::MessageState state,
              int64_t not_before_ms, const std::string& reason);

// The time to live of a lifted message is over: it moves to the dead-letter queue. When that takes nothing or
// is gone it becomes dead; when there never was one the message is gone.
void Expire(Context* context, const QueueHandle& queue, uint64_t message_id, const v1::MessageState& state);

// A dead message arrives in its queue again: at its old place, with fresh attempts, moves and time to live.
// That the queue is closed or full is no hindrance: it counted the dead one, too.
void Revive(Context* context, const QueueHandle& queue, const Located& located);

}  // namespace mom::broker
