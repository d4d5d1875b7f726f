// Arrival: what it means that a message arrives in a queue. One rule for all ways in - published, to a queue
// or through a topic, moved there as a dead letter, redriven - so that closed, full, time to live and delay
// cannot hold for one of them and be forgotten for another. See docs/adr/0023.
#pragma once

#include <cstdint>

#include "core/broker/message_store.h"

namespace mom::broker {

// Whether a queue takes messages now.
enum class Entrance { kOpen, kClosed, kFull };

// For `messages` more with bodies of `bytes` in all.
Entrance EntranceOf(Context* context, const QueueHandle& queue, uint64_t messages, uint64_t bytes);

// What the sender wants for one message.
struct Terms {
  int64_t ttl_ms = 0;    // 0: the queue's.
  int64_t delay_ms = 0;  // 0: none.
};

// A message that is in no table of the queue comes in and counts from now on: its bytes, its time to live,
// its delay, its turn in its group. `state` says what it brings along: bytes, priority, group, whether its
// envelope is shared, moves so far. REQUIRES: EntranceOf said kOpen, or it left this very queue in this
// command.
void Arrive(Context* context, const QueueHandle& queue, uint64_t message_id, v1::MessageState state,
            const Terms& terms);

}  // namespace mom::broker
