#include "core/broker/idempotency.h"

#include "core/broker/keys.h"

namespace mom::broker {
namespace {

// Requests without a user (registration, connecting) share one space of keys under no name.
std::string KeyOf(const v1::Command& command) {
  return keys::IdempotencyKey(command.user(), command.idempotency_key());
}

bool IsOver(const Context& context, const v1::KeyRecord& record) {
  return record.created_ms() + kKeyWindowMs <= context.now_ms();
}

// A user of the same name lived and was deleted before: the key is not of this one.
bool IsOfPredecessor(const Context& context, const v1::Command& command, const v1::KeyRecord& record) {
  if (command.user().empty()) return false;
  auto user = context.Get<v1::UserRecord>(keys::User(command.user()));
  return user && record.created_ms() < user->created_ms();
}

// Drops the oldest key; with `only_expired` not unless its window is over. False: kept.
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
  if (only_expired && !IsOver(*context, *record)) return false;
  context->Delete(key);
  context->Delete(ring_key);
  ring->set_first(keys::ReadU64(ring_key, 1) + 1);
  ring->set_count(ring->count() - 1);
  return true;
}

// Makes way for a new use of `key`: what is kept under it has lost its meaning. The kept answer's offset is
// its place in the ring.
void ForgetKey(Context* context, v1::KeyRing* ring, const std::string& key) {
  auto record = context->Get<v1::KeyRecord>(key);
  if (!record) return;
  v1::Reply reply;
  MOM_CHECK(reply.ParseFromString(record->reply()));
  const std::string ring_key = keys::KeyRing(reply.offset());
  MOM_CHECK(context->Has(ring_key), reply.offset());
  context->Delete(ring_key);
  context->Delete(key);
  ring->set_count(ring->count() - 1);
}

// Drops at most `max` keys whose window is over. True: some were.
bool ForgetExpired(Context* context, v1::KeyRing* ring, int max) {
  bool changed = false;
  for (int i = 0; i < max && ring->count() > 0; ++i) {
    if (!ForgetOldest(context, ring, true)) break;
    changed = true;
  }
  return changed;
}

}  // namespace

std::optional<v1::Reply> FindReplay(const Context& context, const v1::Command& command) {
  if (command.idempotency_key().empty()) return std::nullopt;
  auto record = context.Get<v1::KeyRecord>(KeyOf(command));
  if (!record || IsOver(context, *record) || IsOfPredecessor(context, command, *record)) return std::nullopt;
  if (record->request_hash() != command.request_hash()) {
    return Refuse(v1::ERROR_KEY_REUSED, "this Idempotency-Key was used for another request; take a new key");
  }
  v1::Reply reply;
  MOM_CHECK(reply.ParseFromString(record->reply()));
  reply.set_replayed(true);
  return reply;
}

void RememberReply(Context* context, const v1::Command& command, const v1::Reply& reply) {
  MOM_CHECK(!reply.error(), context->offset());
  if (command.idempotency_key().empty()) return;
  const std::string key = KeyOf(command);
  auto ring = context->Get<v1::KeyRing>(keys::KeyRingState()).value_or(v1::KeyRing());
  ForgetKey(context, &ring, key);
  ForgetExpired(context, &ring, kKeysForgottenPerCommandMax);
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
  if (ForgetExpired(context, &*ring, kKeysForgottenPerEntryMax)) context->Put(keys::KeyRingState(), *ring);
}

}  // namespace mom::broker
