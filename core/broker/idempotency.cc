#include "core/broker/idempotency.h"

#include "core/broker/keys.h"

namespace mom::broker {
namespace {

constexpr int kForgetPerEntryMax = 1000;

// Requests without a user (registration, connecting) share one space of keys under no name.
std::string KeyOf(const v1::Command& command) {
  return keys::IdempotencyKey(command.user(), command.idempotency_key());
}

// Drops the oldest key if `too_old` says so of it.
bool ForgetOldest(Context* context, v1::KeyRing* ring, bool only_expired) {
  const std::string table(1, keys::kKeyRing);
  std::string ring_key;
  std::string key;
  {
    auto it = context->view()->NewIterator();
    it->Seek(keys::KeyRing(ring->first()));
    MOM_CHECK(it->Valid() && it->key().starts_with(table), ring->first(), ring->count());
    ring_key = std::string(it->key());
    key = std::string(it->value());
  }
  auto record = context->Get<v1::KeyRecord>(key);
  MOM_CHECK(record.has_value());
  if (only_expired && record->created_ms() + kKeyWindowMs > context->now_ms()) return false;
  context->Delete(key);
  context->Delete(ring_key);
  ring->set_first(keys::ReadU64(ring_key, 1) + 1);
  ring->set_count(ring->count() - 1);
  return true;
}

}  // namespace

std::optional<v1::Reply> FindReplay(const Context& context, const v1::Command& command) {
  if (command.idempotency_key().empty()) return std::nullopt;
  auto record = context.Get<v1::KeyRecord>(KeyOf(command));
  if (!record || record->created_ms() + kKeyWindowMs <= context.now_ms()) return std::nullopt;
  if (record->request_hash() != command.request_hash()) {
    return Refuse(v1::ERROR_KEY_REUSED, "this Idempotency-Key was used for another request; take a new key");
  }
  v1::Reply reply;
  MOM_CHECK(reply.ParseFromString(record->reply()));
  reply.set_replayed(true);
  return reply;
}

void RememberReply(Context* context, const v1::Command& command, const v1::Reply& reply) {
  if (command.idempotency_key().empty()) return;
  const std::string key = KeyOf(command);
  auto ring = context->Get<v1::KeyRing>(keys::KeyRingState()).value_or(v1::KeyRing());
  // A key whose window is over but which no clock entry has dropped yet: drop up to it first.
  while (context->Has(key)) ForgetOldest(context, &ring, false);
  while (ring.count() >= kKeysMax) ForgetOldest(context, &ring, false);
  v1::KeyRecord record;
  record.set_request_hash(command.request_hash());
  record.set_created_ms(context->now_ms());
  record.set_reply(reply.SerializeAsString());
  context->Put(key, record);
  context->view()->Put(keys::KeyRing(context->offset().value), key);
  ring.set_count(ring.count() + 1);
  context->Put(keys::KeyRingState(), ring);
}

void ForgetOldKeys(Context* context) {
  auto ring = context->Get<v1::KeyRing>(keys::KeyRingState());
  if (!ring) return;
  bool changed = false;
  for (int i = 0; i < kForgetPerEntryMax && ring->count() > 0; ++i) {
    if (!ForgetOldest(context, &*ring, true)) break;
    changed = true;
  }
  if (changed) context->Put(keys::KeyRingState(), *ring);
}

}  // namespace mom::broker
