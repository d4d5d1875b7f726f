// Where messages of a queue are and how they move: ready, waiting for their group, delayed, leased, dead. The
// one place that keeps the counters, the group order, the timers and the stored bodies in step. What decides
// about a move stands elsewhere: arrival.h and dead_letters.h.
#pragma once

#include <optional>
#include <string>

#include "core/broker/context.h"

namespace mom::broker {

// A queue that exists, with its name.
struct QueueHandle {
  std::string name;
  v1::QueueRecord record;
  uint64_t id() const { return record.id(); }
};

// A message found in a queue: which table holds it, and its state.
struct Located {
  char table = 0;  // keys::kReady, kReturned, kWaiting, kDelayed, kLeased or kDead.
  uint64_t message_id = 0;
  v1::MessageState state;
};

std::optional<QueueHandle> FindQueue(const Context& context, const std::string& name);
std::optional<QueueHandle> FindQueue(const ViewReader& view, const std::string& name);

// Nothing when that incarnation of the queue is gone.
std::optional<QueueHandle> QueueById(const Context& context, uint64_t queue_id);

// Looks in all tables; costs a handful of point reads.
std::optional<Located> Locate(const Context& context, uint64_t queue_id, uint64_t message_id);
std::optional<Located> Locate(const ViewReader& view, uint64_t queue_id, uint64_t message_id);

// Puts a message that is in no table into the queue: behind its group, until `not_before_ms`, or ready.
// Does not count its bytes.
void Place(Context* context, const QueueHandle& queue, uint64_t message_id, v1::MessageState state,
           int64_t not_before_ms);

// Takes a message out of its table and its counters; it is in none afterwards. Keeps its group place and
// bytes.
void Lift(Context* context, const QueueHandle& queue, const Located& located);

// A lifted message is gone for good: bytes, body and time-to-live timer are given up, its group goes on.
void Discard(Context* context, const QueueHandle& queue, uint64_t message_id, const v1::MessageState& state);

// A lifted ready message is given to `state.receiver` until `state.due_ms` under `state.lease`.
void PutLeased(Context* context, const QueueHandle& queue, uint64_t message_id,
               const v1::MessageState& state);

// A lifted message is kept as dead, for `state.reason`, until somebody removes or redrives it; its group goes
// on.
void PutDead(Context* context, const QueueHandle& queue, uint64_t message_id, v1::MessageState state);

// A lifted message goes back to its old place, whatever its attempts; one whose time to live is over goes
// with the next clock entry. Needs no position, so that any number of messages can go back in one entry.
void ReturnAtOnce(Context* context, const QueueHandle& queue, uint64_t message_id, v1::MessageState state);

// One more queue holds this envelope. `others` is how many hold it already.
void SetReferences(Context* context, uint64_t message_id, uint64_t count);

uint64_t MessageCount(const v1::QueueCounts& counts);

}  // namespace mom::broker
