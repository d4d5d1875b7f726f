#include "rest/queue_json.h"

#include <limits>

#include "core/base/check.h"
#include "core/broker/keys.h"
#include "core/broker/lanes.h"
#include "core/broker/limits.h"
#include "rest/names.h"

namespace mom::rest {
namespace {

namespace keys = broker::keys;
constexpr int64_t kAttemptsMax = 1000;
constexpr int64_t kCountMax = std::numeric_limits<int64_t>::max();

// The body says "*" where a list could stand. Asked of a second parse, because getters note wrong types.
bool IsText(std::string_view text, std::string_view field) {
  JsonBody probe;
  if (!probe.Parse(text).ok()) return false;
  const bool is_text = probe.root().TryString(field, 0, text.size()).has_value();
  return is_text && probe.status().ok();
}

// When a message that the queue holds was sent.
Timestamp SentAt(const broker::ViewReader& view, uint64_t message_id) {
  const auto bytes = view.Get(keys::Envelope(message_id));
  v1::Envelope envelope;
  MOM_CHECK(bytes && envelope.ParseFromString(*bytes), message_id);
  return Timestamp{envelope.sent_ms()};
}

}  // namespace

std::optional<v1::UserList> TryUserList(std::string_view text, JsonObject* object, std::string_view field) {
  if (!object->Has(field)) {
    object->TryString(field, 0, 0);  // Null counts as absent.
    return std::nullopt;
  }
  v1::UserList list;
  if (IsText(text, field)) {
    list.set_anyone(true);
    if (object->TryString(field, 1, kNameCharsMax) != "*")
      object->Reject(field, "must be \"*\" or a list of names");
    return list;
  }
  const auto names = object->TryStrings(field, 0, broker::kGrantsPerListMax, 1, kNameCharsMax);
  for (std::string_view name : names.value_or(std::vector<std::string_view>())) {
    if (name == "*") {
      list.set_anyone(true);
    } else if (IsName(name)) {
      list.add_users(std::string(name));
    } else {
      object->Reject(field, "must be \"*\" or a list of names");
    }
  }
  return list;
}

void AppendUserList(const v1::UserList& list, JsonWriter* json) {
  if (list.anyone()) {
    json->Text("*");
    return;
  }
  json->BeginArray();
  for (const std::string& user : list.users()) json->Text(user);
  json->EndArray();
}

v1::QueueSettings ReadSettings(std::string_view text, JsonObject* object) {
  v1::QueueSettings settings;
  settings.set_lease_ms(object->TryInt("lease_ms", 1, broker::kLeaseMsMax).value_or(0));
  settings.set_max_attempts(
      static_cast<uint32_t>(object->TryInt("max_attempts", 1, kAttemptsMax).value_or(0)));
  settings.set_retry_delay_ms(object->TryInt("retry_delay_ms", 0, broker::kDurationMsMax).value_or(0));
  settings.set_ttl_ms(object->TryInt("ttl_ms", 0, broker::kDurationMsMax).value_or(0));
  settings.set_max_messages(static_cast<uint64_t>(object->TryInt("max_messages", 0, kCountMax).value_or(0)));
  settings.set_max_bytes(static_cast<uint64_t>(object->TryInt("max_bytes", 0, kCountMax).value_or(0)));
  settings.set_dead_letter(std::string(object->TryString("dead_letter", 0, kNameCharsMax).value_or("")));
  if (auto senders = TryUserList(text, object, "senders")) *settings.mutable_senders() = *std::move(senders);
  if (auto receivers = TryUserList(text, object, "receivers"))
    *settings.mutable_receivers() = *std::move(receivers);
  return settings;
}

v1::QueueState ReadQueueState(const broker::ViewReader& view, uint64_t queue_id) {
  const auto bytes = view.Get(keys::QueueState(queue_id));
  v1::QueueState state;
  MOM_CHECK(bytes && state.ParseFromString(*bytes), queue_id);
  return state;
}

namespace {

// Leaves the object open.
void AppendSettingsAndCounts(std::string_view name, const v1::QueueRecord& record,
                             const v1::QueueState& state, JsonWriter* json) {
  const v1::QueueSettings& settings = record.settings();
  json->BeginObject().Member("name", name).Member("owner", record.owner());
  json->Member("created_at", Timestamp{record.created_ms()});
  if (!settings.receiver().empty()) json->Member("receiver", settings.receiver());
  AppendUserList(settings.senders(), &json->Key("senders"));
  AppendUserList(settings.receivers(), &json->Key("receivers"));
  json->Member("lease_ms", settings.lease_ms()).Member("max_attempts", settings.max_attempts());
  json->Member("retry_delay_ms", settings.retry_delay_ms()).Member("ttl_ms", settings.ttl_ms());
  json->Member("max_messages", settings.max_messages()).Member("max_bytes", settings.max_bytes());
  if (settings.dead_letter().empty()) {
    json->Key("dead_letter").Null();
  } else {
    json->Member("dead_letter", settings.dead_letter());
  }
  if (!record.lost_dead_letter().empty()) json->Member("lost_dead_letter", record.lost_dead_letter());
  const v1::QueueCounts& counts = state.counts();
  json->Member("closed", settings.closed()).Member("ready", counts.ready()).Member("leased", counts.leased());
  json->Member("delayed", counts.delayed()).Member("blocked", counts.blocked());
  json->Member("dead", counts.dead()).Member("bytes", counts.bytes());
}

// And closes the object.
void AppendOldest(std::optional<Timestamp> oldest, JsonWriter* json) {
  if (oldest) {
    json->Member("oldest_at", *oldest);
  } else {
    json->Key("oldest_at").Null();
  }
  json->EndObject();
}

}  // namespace

void AppendQueue(const broker::ViewReader& view, std::string_view name, const v1::QueueRecord& record,
                 JsonWriter* json) {
  AppendSettingsAndCounts(name, record, ReadQueueState(view, record.id()), json);
  json->EndObject();
}

QueueLook::QueueLook(const replication::LatestView* latest, const v1::QueueRecord& record)
    : latest_(latest), queue_id_(record.id()), state_(latest->Look(keys::QueueState(record.id()))) {}

bool QueueLook::TryAppend(std::string_view name, const v1::QueueRecord& record, JsonWriter* json) const {
  v1::QueueState state;
  if (!state_.value || !state.ParseFromString(*state_.value)) return false;
  const bool any_waits = state.counts().ready() + state.counts().blocked() > 0;
  if (any_waits && !state_.note) return false;
  AppendSettingsAndCounts(name, record, state, json);
  AppendOldest(any_waits ? std::optional(Timestamp{*state_.note}) : std::nullopt, json);
  return true;
}

// Kept with the state, since whatever touches a ready or blocked message writes that as well.
void QueueLook::Append(const broker::ViewReader& view, std::string_view name, const v1::QueueRecord& record,
                       JsonWriter* json) const {
  const v1::QueueState state = ReadQueueState(view, record.id());
  AppendSettingsAndCounts(name, record, state, json);
  const std::optional<uint64_t> oldest = broker::OldestWaiting(view, record.id(), state);
  if (!oldest) return AppendOldest(std::nullopt, json);
  const Timestamp sent = SentAt(view, *oldest);
  AppendOldest(sent, json);
  if (record.id() != queue_id_) return;
  const auto is_ended_by = [id = queue_id_, oldest = *oldest](const broker::ViewBatch& changes) {
    return broker::ChangesWaitingUpTo(changes, id, oldest);
  };
  latest_->Keep(keys::QueueState(queue_id_), state_.stamp, {sent.ms, is_ended_by});
}

}  // namespace mom::rest
