#include <algorithm>

#include "core/broker/dead_letters.h"
#include "core/broker/keys.h"
#include "core/broker/lanes.h"
#include "core/broker/message_store.h"
#include "core/broker/operations.h"

namespace mom::broker {
namespace {

// The first messages of a table, lifted later.
std::vector<Located> FirstOf(const Context& context, uint64_t queue_id, char table, size_t max) {
  std::vector<Located> found;
  const std::string prefix = keys::Prefix(table, queue_id);
  auto it = context.reader().NewIterator();
  for (it->Seek(prefix); found.size() < max && it->Valid() && it->key().starts_with(prefix); it->Next()) {
    Located located{table, keys::ReadU64(it->key(), prefix.size()), {}};
    MOM_CHECK(located.state.ParseFromArray(it->value().data(), static_cast<int>(it->value().size())));
    found.push_back(std::move(located));
  }
  return found;
}

std::vector<Located> Purgeable(Context* context, uint64_t queue_id, size_t max) {
  std::vector<Located> found;
  const v1::QueueCounts counts = context->State(queue_id)->counts();
  for (char table : {keys::kWaiting, keys::kDelayed, keys::kDead}) {
    const uint64_t count = table == keys::kDead      ? counts.dead()
                           : table == keys::kDelayed ? counts.delayed()
                                                     : counts.blocked();
    if (count == 0 || found.size() >= max) continue;
    for (auto& located : FirstOf(*context, queue_id, table, max - found.size())) {
      found.push_back(std::move(located));
    }
  }
  if (found.size() >= max) return found;
  VisitReady(context->reader(), queue_id, *context->State(queue_id),
             [&](char table, uint64_t id, const v1::MessageState& state) {
               found.push_back(Located{table, id, state});
               return found.size() < max;
             });
  return found;
}

}  // namespace

// Waiting messages go first, so that removing the one whose turn it is calls up nothing that is removed next.
v1::Reply Run(Context* context, const v1::PurgeQueue& command) {
  QueueHandle queue;
  if (v1::Reply refusal = FindOwned(*context, command.name(), &queue); refusal.error()) return refusal;
  const size_t max = std::clamp<size_t>(command.max(), 1, size_t{10} * kBatchMessagesMax);
  const auto purgeable = Purgeable(context, queue.id(), max);
  for (const Located& located : purgeable) {
    Lift(context, queue, located);
    if (located.table == keys::kReady || located.table == keys::kReturned) {
      AdvanceLane(context->State(queue.id()), located.state.priority(), located.message_id);
    }
    Discard(context, queue, located.message_id, located.state);
  }
  v1::Reply reply;
  const v1::QueueCounts& left = context->State(queue.id())->counts();
  reply.mutable_count()->set_count(purgeable.size());
  reply.mutable_count()->set_more(left.ready() + left.blocked() + left.delayed() + left.dead() > 0);
  return reply;
}

v1::Reply Run(Context* context, const v1::DeleteMessage& command) {
  QueueHandle queue;
  if (v1::Reply refusal = FindOwned(*context, command.queue(), &queue); refusal.error()) return refusal;
  auto located = Locate(*context, queue.id(), command.id());
  if (!located) {
    return Refuse(v1::ERROR_MESSAGE_NOT_FOUND, "queue '" + command.queue() + "' holds no such message");
  }
  if (located->table == keys::kLeased) {
    return Refuse(v1::ERROR_MESSAGE_LEASED,
                  "'" + located->state.receiver() + "' holds the message; wait for the end of the lease");
  }
  Lift(context, queue, *located);
  Discard(context, queue, located->message_id, located->state);
  return v1::Reply();
}

v1::Reply Run(Context* context, const v1::Redrive& command) {
  QueueHandle queue;
  if (v1::Reply refusal = FindOwned(*context, command.queue(), &queue); refusal.error()) return refusal;
  const size_t max = std::clamp<size_t>(command.max(), 1, kBatchMessagesMax);
  v1::Reply reply;
  const auto dead = FirstOf(*context, queue.id(), keys::kDead, max);
  for (const Located& located : dead) Revive(context, queue, located);
  reply.mutable_count()->set_count(dead.size());
  reply.mutable_count()->set_more(context->State(queue.id())->counts().dead() > 0);
  return reply;
}

}  // namespace mom::broker
