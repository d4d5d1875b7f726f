#include "core/broker/broker.h"

#include <xxhash.h>

#include <string>
#include <utility>

#include "core/broker/idempotency.h"
#include "core/broker/keys.h"
#include "core/broker/message_store.h"
#include "core/broker/operations.h"

namespace mom::broker {
namespace {

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
    case C::kUpdateUser:
      return Run(context, command.update_user());
    case C::kDeleteSessions:
      return Run(context, command.delete_sessions());
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

google::protobuf::ArenaOptions OptionsOf(char* block, size_t size) {
  google::protobuf::ArenaOptions options;
  options.initial_block = block;
  options.initial_block_size = size;
  return options;
}

}  // namespace

EntryBatch::EntryBatch(const ViewReader* view, const AppliedState& before)
    : arena_(OptionsOf(block_, sizeof block_)), changes_(view), state_(before) {}

v1::Reply EntryBatch::Apply(const Entry& entry) {
  MOM_CHECK(entry.offset == state_.end, entry.offset, state_.end);
  MOM_CHECK(entry.timestamp >= state_.timestamp, entry.timestamp, state_.timestamp);
  MOM_CHECK(entry.epoch >= state_.epoch, entry.epoch, state_.epoch);
  ViewOverlay changes(&changes_);
  v1::Reply reply;
  origin_ = 0;
  if (entry.kind == EntryKind::kCommand) reply = RunCommand(entry, &changes);
  if (entry.kind == EntryKind::kClock) {
    Context context(&changes, entry.offset, entry.timestamp);
    RunTimers(&context);
    context.Flush();
    woken_.merge(context.woken);
    revoked_.Merge(std::move(context.revoked));
  }
  // Not a matter of messages, but a snapshot must say who counted where it ends.
  if (entry.kind == EntryKind::kVoters) changes.Put(keys::Voters(), std::string(entry.bytes()));
  state_ = AppliedState{Next(entry.offset), entry.epoch, entry.timestamp,
                        ChainDigest(state_.digest, entry, changes.changes())};
  changes_.Absorb(changes.TakeChanges());
  return reply;
}

template <typename Record>
const Record& EntryBatch::LastParsed<Record>::Of(std::string bytes) {
  if (bytes_ == bytes) return record_;
  MOM_CHECK(record_.ParseFromString(bytes), bytes.size());
  bytes_ = std::move(bytes);
  return record_;
}

// The session must be alive at the entry's place in the log, and be the user's.
v1::Reply EntryBatch::Authenticate(Context* context, const v1::Command& command) {
  const bool anonymous = command.has_create_user() || command.has_create_session();
  if (command.user().empty()) {
    if (anonymous) return v1::Reply();
    return Refuse(v1::ERROR_SESSION_INVALID, "this needs a session; connect first");
  }
  auto bytes = context->reader().Get(keys::Session(command.session_hash()));
  const v1::SessionRecord* session = bytes ? &session_.Of(*std::move(bytes)) : nullptr;
  if (!session || session->user() != command.user() || session->expires_ms() <= context->now_ms()) {
    return Refuse(v1::ERROR_SESSION_INVALID, "the session ended; connect again");
  }
  auto user = context->reader().Get(keys::User(command.user()));
  MOM_CHECK(user.has_value(), command.user());  // Deleting a user ends its sessions.
  context->user = command.user();
  context->session_hash = command.session_hash();
  context->admin = user_.Of(*std::move(user)).admin();
  return v1::Reply();
}

// A refusal throws the command's changes away and leaves nothing under its key: the same request may be done
// when it comes again.
v1::Reply EntryBatch::RunCommand(const Entry& entry, ViewOverlay* changes) {
  arena_.Reset();
  auto& command = *google::protobuf::Arena::CreateMessage<v1::Command>(&arena_);
  if (!command.ParseFromArray(entry.bytes().data(), static_cast<int>(entry.bytes().size()))) {
    return Refuse(v1::ERROR_MALFORMED, "the command cannot be decoded");
  }
  origin_ = command.origin();
  if (command.idempotency_key().size() > kShortTextBytesMax || command.user().size() > kNameBytesMax) {
    return Refuse(v1::ERROR_MALFORMED, "the user or the idempotency key is too long");
  }
  Context context(changes, entry.offset, entry.timestamp);
  if (v1::Reply refusal = Authenticate(&context, command); refusal.error()) return refusal;
  if (auto replay = FindReplay(context, command)) return *std::move(replay);
  context.keep_bodies = !command.idempotency_key().empty();
  v1::Reply reply = Dispatch(&context, command);
  reply.set_offset(entry.offset.value);
  if (reply.error()) {
    changes->Clear();
    return reply;
  }
  context.Flush();
  woken_.merge(context.woken);
  revoked_.Merge(std::move(context.revoked));
  Context outer(changes, entry.offset, entry.timestamp);
  RememberReply(&outer, command, reply);
  return reply;
}

const ViewBatch& EntryBatch::Finish() {
  v1::AppliedState record;
  record.set_applied_end(state_.end.value);
  record.set_epoch(state_.epoch.value);
  record.set_timestamp_ms(state_.timestamp.ms);
  record.set_digest(state_.digest);
  record.set_format(kViewFormat);
  changes_.Put(keys::Applied(), record.SerializeAsString());
  return changes_.changes();
}

Applied Apply(const ViewReader& view, const Entry& entry) {
  EntryBatch batch(&view, *ReadAppliedState(view));
  Applied applied;
  applied.reply = batch.Apply(entry);
  applied.state = batch.state();
  applied.woken = std::move(*batch.woken());
  applied.revoked = std::move(*batch.revoked());
  batch.Finish();
  applied.changes = batch.TakeChanges();
  return applied;
}

Result<AppliedState> ParseAppliedState(const std::optional<std::string>& bytes) {
  if (!bytes) return AppliedState();
  v1::AppliedState record;
  if (!record.ParseFromString(*bytes))
    return Status(Status::kCorruption, "the record of what was applied cannot be decoded");
  if (record.format() != kViewFormat) {
    return Status(Status::kWrongOwner, "the view is of format " + std::to_string(record.format()) +
                                           ", this program is of format " + std::to_string(kViewFormat));
  }
  return AppliedState{Offset{record.applied_end()}, Epoch{record.epoch()}, Timestamp{record.timestamp_ms()},
                      record.digest()};
}

Result<AppliedState> ReadAppliedState(const ViewReader& view) {
  return ParseAppliedState(view.Get(keys::Applied()));
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
