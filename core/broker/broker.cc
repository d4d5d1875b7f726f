#include "core/broker/broker.h"

#include <xxhash.h>

#include <utility>

#include "core/broker/idempotency.h"
#include "core/broker/keys.h"
#include "core/broker/message_store.h"
#include "core/broker/operations.h"

namespace mom::broker {
namespace {

// The session must be alive at the entry's place in the log, and be the user's.
v1::Reply Authenticate(Context* context, const v1::Command& command) {
  const bool anonymous = command.has_create_user() || command.has_create_session();
  if (command.user().empty()) {
    if (anonymous) return v1::Reply();
    return Refuse(v1::ERROR_SESSION_INVALID, "this needs a session; connect first");
  }
  auto session = context->Get<v1::SessionRecord>(keys::Session(command.session_hash()));
  if (!session || session->user() != command.user() || session->expires_ms() <= context->now_ms()) {
    return Refuse(v1::ERROR_SESSION_INVALID, "the session ended; connect again");
  }
  auto user = context->Get<v1::UserRecord>(keys::User(command.user()));
  MOM_CHECK(user.has_value(), command.user());  // Deleting a user ends its sessions.
  context->user = command.user();
  context->session_hash = command.session_hash();
  context->admin = user->admin();
  return v1::Reply();
}

v1::Reply Dispatch(Context* context, const v1::Command& command) {
  using C = v1::Command;
  switch (command.body_case()) {
    case C::kCreateUser:
      return Run(context, command.create_user());
    case C::kChangePassword:
      return Run(context, command.change_password());
    case C::kDeleteUser:
      return Run(context, command.delete_user());
    case C::kCreateSession:
      return Run(context, command.create_session());
    case C::kDeleteSession:
      return Run(context, command.delete_session());
    case C::kCreateQueue:
      return Run(context, command.create_queue());
    case C::kUpdateQueue:
      return Run(context, command.update_queue());
    case C::kDeleteQueue:
      return Run(context, command.delete_queue());
    case C::kPurgeQueue:
      return Run(context, command.purge_queue());
    case C::kPublish:
      return Run(context, command.publish());
    case C::kReceive:
      return Run(context, command.receive());
    case C::kAck:
      return Run(context, command.ack());
    case C::kNack:
      return Run(context, command.nack());
    case C::kExtend:
      return Run(context, command.extend());
    case C::kDeleteMessage:
      return Run(context, command.delete_message());
    case C::kRedrive:
      return Run(context, command.redrive());
    case C::kCreateTopic:
      return Run(context, command.create_topic());
    case C::kDeleteTopic:
      return Run(context, command.delete_topic());
    case C::kSubscribe:
      return Run(context, command.subscribe());
    case C::kUnsubscribe:
      return Run(context, command.unsubscribe());
    case C::kTransaction:
      return Run(context, command.transaction());
    case C::BODY_NOT_SET:
      break;
  }
  return Refuse(v1::ERROR_MALFORMED, "this node does not know the command; it may be older than the writer");
}

// Runs the command in a layer of its own, which a refusal throws away.
v1::Reply RunCommand(ViewOverlay* view, const Entry& entry, std::set<std::string>* woken) {
  v1::Command command;
  if (!command.ParseFromArray(entry.bytes().data(), static_cast<int>(entry.bytes().size()))) {
    return Refuse(v1::ERROR_MALFORMED, "the command cannot be decoded");
  }
  if (command.idempotency_key().size() > kShortTextBytesMax || command.user().size() > kNameBytesMax) {
    return Refuse(v1::ERROR_MALFORMED, "the user or the idempotency key is too long");
  }
  ViewOverlay attempt(view);
  Context context(&attempt, entry.offset, entry.timestamp);
  if (v1::Reply refusal = Authenticate(&context, command); refusal.error()) return refusal;
  if (auto replay = FindReplay(context, command)) return *std::move(replay);
  context.keep_bodies = !command.idempotency_key().empty();
  v1::Reply reply = Dispatch(&context, command);
  reply.set_offset(entry.offset.value);
  if (!reply.error()) {
    context.Flush();
    woken->merge(context.woken);
    view->Absorb(attempt.TakeChanges());
  }
  Context outer(view, entry.offset, entry.timestamp);
  RememberReply(&outer, command, reply);
  return reply;
}

// Chains the effects of one entry onto the digest. Lengths are hashed too, so that no two different lists of
// changes look alike.
uint64_t ChainDigest(uint64_t digest, const Entry& entry, const ViewBatch& changes) {
  std::string bytes;
  keys::AppendU64(&bytes, digest);
  keys::AppendU64(&bytes, entry.offset.value);
  keys::AppendU64(&bytes, static_cast<uint64_t>(entry.timestamp.ms));
  uint64_t hash = XXH3_64bits(bytes.data(), bytes.size());
  for (const auto& [key, value] : changes) {
    const uint64_t key_hash = XXH3_64bits_withSeed(key.data(), key.size(), hash);
    const uint64_t kind = value ? 1 : 0;
    const uint64_t value_hash =
        value ? XXH3_64bits_withSeed(value->data(), value->size(), key_hash) : key_hash * 31;
    hash = (value_hash ^ kind) * 0x9E3779B97F4A7C15ull + key.size();
  }
  return hash;
}

}  // namespace

Applied Apply(const ViewReader& view, const Entry& entry) {
  const AppliedState before = ReadAppliedState(view);
  MOM_CHECK(entry.offset == before.end, entry.offset, before.end);
  MOM_CHECK(entry.timestamp >= before.timestamp, entry.timestamp, before.timestamp);
  MOM_CHECK(entry.epoch >= before.epoch, entry.epoch, before.epoch);
  ViewOverlay overlay(&view);
  Applied applied;
  if (entry.kind == EntryKind::kCommand) applied.reply = RunCommand(&overlay, entry, &applied.woken);
  if (entry.kind == EntryKind::kClock) {
    Context context(&overlay, entry.offset, entry.timestamp);
    RunTimers(&context);
    context.Flush();
    applied.woken = std::move(context.woken);
  }
  // Not a matter of messages, but a snapshot must say who counted where it ends.
  if (entry.kind == EntryKind::kVoters) overlay.Put(keys::Voters(), std::string(entry.bytes()));
  applied.state = AppliedState{Next(entry.offset), entry.epoch, entry.timestamp,
                               ChainDigest(before.digest, entry, overlay.changes())};
  v1::AppliedState record;
  record.set_applied_end(applied.state.end.value);
  record.set_epoch(applied.state.epoch.value);
  record.set_timestamp_ms(applied.state.timestamp.ms);
  record.set_digest(applied.state.digest);
  record.set_format(kViewFormat);
  overlay.Put(keys::Applied(), record.SerializeAsString());
  applied.changes = overlay.TakeChanges();
  return applied;
}

AppliedState ReadAppliedState(const ViewReader& view) {
  auto bytes = view.Get(keys::Applied());
  if (!bytes) return AppliedState();
  v1::AppliedState record;
  MOM_CHECK(record.ParseFromString(*bytes) && record.format() == kViewFormat);
  return AppliedState{Offset{record.applied_end()}, Epoch{record.epoch()}, Timestamp{record.timestamp_ms()},
                      record.digest()};
}

std::optional<Timestamp> NextDue(const ViewReader& view) {
  const std::string table(1, keys::kTimer);
  auto it = view.NewIterator();
  it->Seek(FirstTimer(view));
  if (!it->Valid() || !it->key().starts_with(table)) return std::nullopt;
  return Timestamp{static_cast<int64_t>(keys::ReadU64(it->key(), 1))};
}

std::optional<Timestamp> NextDue(const ViewReader& view, std::optional<Timestamp> before,
                                 const ViewBatch& changes) {
  if (changes.contains(keys::TimerFloor())) return NextDue(view);
  const std::string table(1, keys::kTimer);
  std::optional<Timestamp> due = before;
  for (auto it = changes.lower_bound(table); it != changes.end() && it->first.starts_with(table); ++it) {
    if (!it->second) return NextDue(view);
    const Timestamp put{static_cast<int64_t>(keys::ReadU64(it->first, 1))};
    if (!due || put < *due) due = put;
  }
  return due;
}

bool HasReady(const ViewReader& view, const std::string& name) {
  auto queue = FindQueue(view, name);
  if (!queue) return false;
  auto bytes = view.Get(keys::QueueState(queue->id()));
  v1::QueueState state;
  MOM_CHECK(bytes && state.ParseFromString(*bytes), name);
  for (const auto& lane : state.lanes())
    if (lane.fresh() + lane.returned() > 0) return true;
  return false;
}

}  // namespace mom::broker
