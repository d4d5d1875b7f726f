#include "infra/replay/entry_text.h"

#include <google/protobuf/descriptor.h>

#include <boost/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "core/broker/limits.h"
#include "infra/replay/text.h"
#include "mom/v1/commands.pb.h"

namespace mom::replay {
namespace {

namespace json = boost::json;
namespace pb = google::protobuf;

constexpr size_t kNameBytesShown = 160;

std::string_view KindName(EntryKind kind) {
  switch (kind) {
    case EntryKind::kLeaderChange:
      return "leader-change";
    case EntryKind::kCommand:
      return "command";
    case EntryKind::kClock:
      return "clock";
    case EntryKind::kVoters:
      return "voters";
  }
  return "unknown";
}

// Names of the log are not always valid: a refused command is in it too.
json::string Short(const std::string& name) {
  if (name.size() <= kNameBytesShown && IsUtf8(name)) return json::string(name);
  return json::string(Escape(name, kNameBytesShown));
}

std::string Target(const char* kind, const std::string& name) {
  return std::string(kind) + "/" + name;
}

// Fills in what one command or operation shows.
class Describer {
 public:
  Describer(const Entry& entry, bool with_bodies, json::object* out)
      : next_id_(entry.offset.value * broker::kPositionsPerEntryMax), with_bodies_(with_bodies), out_(out) {}

  void Command(const v1::Command& command);

 private:
  void Publish(const v1::Publish& publish);
  void Body(const v1::NewMessage& message);
  template <typename WithReceipts>
  void Receipts(const WithReceipts& command) {
    SetTarget("queue", command.queue());
    for (const auto& receipt : command.receipts()) AddId(receipt.id());
    messages_ += static_cast<uint64_t>(command.receipts_size());
  }
  void Transaction(const v1::Transaction& transaction);
  void QueueCommand(const v1::Command& command);
  void UserCommand(const v1::Command& command);
  void TopicCommand(const v1::Command& command);
  void SetTarget(const char* kind, const std::string& name) { targets_.push_back(Short(Target(kind, name))); }
  void AddId(uint64_t id) { ids_.emplace_back(id); }
  void Finish();

  std::optional<uint64_t> next_id_;  // Nothing: no longer known without the view.
  const bool with_bodies_;
  json::object* const out_;
  json::array targets_;
  json::array ids_;
  json::array bodies_;
  uint64_t messages_ = 0;
};

void Describer::Command(const v1::Command& command) {
  const pb::OneofDescriptor* body = command.GetDescriptor()->FindOneofByName("body");
  const pb::FieldDescriptor* field = command.GetReflection()->GetOneofFieldDescriptor(command, body);
  (*out_)["command"] = field ? field->name() : "unknown";
  if (!command.user().empty()) (*out_)["user"] = Short(command.user());
  using C = v1::Command;
  switch (command.body_case()) {
    case C::kPublish:
      Publish(command.publish());
      break;
    case C::kAck:
      Receipts(command.ack());
      break;
    case C::kNack:
      Receipts(command.nack());
      break;
    case C::kExtend:
      Receipts(command.extend());
      break;
    case C::kTransaction:
      Transaction(command.transaction());
      break;
    default:
      UserCommand(command);
      QueueCommand(command);
      TopicCommand(command);
  }
  Finish();
}

void Describer::UserCommand(const v1::Command& command) {
  if (command.has_create_user()) SetTarget("user", command.create_user().name());
  if (command.has_change_password()) SetTarget("user", command.change_password().name());
  if (command.has_delete_user()) SetTarget("user", command.delete_user().name());
  if (command.has_create_session()) SetTarget("user", command.create_session().name());
  if (command.has_delete_sessions()) SetTarget("user", command.delete_sessions().user());
  if (!command.has_update_user()) return;
  const v1::UpdateUser& update = command.update_user();
  SetTarget("user", update.name());
  if (update.has_password_hash()) (*out_)["password"] = "set";
  if (update.has_admin()) (*out_)["admin"] = update.admin();
}

void Describer::QueueCommand(const v1::Command& command) {
  if (command.has_create_queue()) SetTarget("queue", command.create_queue().name());
  if (command.has_update_queue()) SetTarget("queue", command.update_queue().name());
  if (command.has_delete_queue()) SetTarget("queue", command.delete_queue().name());
  if (command.has_purge_queue()) SetTarget("queue", command.purge_queue().name());
  if (command.has_redrive()) SetTarget("queue", command.redrive().queue());
  if (command.has_receive()) SetTarget("queue", command.receive().queue());
  if (command.has_delete_message()) {
    SetTarget("queue", command.delete_message().queue());
    AddId(command.delete_message().id());
    messages_ = 1;
  }
}

void Describer::TopicCommand(const v1::Command& command) {
  if (command.has_create_topic()) SetTarget("topic", command.create_topic().name());
  if (command.has_delete_topic()) SetTarget("topic", command.delete_topic().name());
  if (command.has_subscribe()) {
    const v1::Subscribe& subscribe = command.subscribe();
    if (!subscribe.topic().empty()) SetTarget("topic", subscribe.topic());
    if (!subscribe.pattern().empty()) SetTarget("pattern", subscribe.pattern());
    if (!subscribe.queue().empty()) SetTarget("queue", subscribe.queue());
  }
  if (command.has_unsubscribe()) {
    const v1::Unsubscribe& unsubscribe = command.unsubscribe();
    if (!unsubscribe.topic().empty()) SetTarget("topic", unsubscribe.topic());
    if (unsubscribe.id() != 0) AddId(unsubscribe.id());
  }
}

void Describer::Publish(const v1::Publish& publish) {
  if (!publish.queue().empty()) SetTarget("queue", publish.queue());
  if (!publish.topic().empty()) SetTarget("topic", publish.topic());
  messages_ += static_cast<uint64_t>(publish.messages_size());
  for (const v1::NewMessage& message : publish.messages()) {
    if (next_id_) AddId((*next_id_)++);
    if (with_bodies_) Body(message);
  }
}

void Describer::Body(const v1::NewMessage& message) {
  const std::string& body = message.body();
  json::object item;
  if (IsUtf8(body)) item["body"] = body;
  if (!IsUtf8(body)) item["body_base64"] = ToBase64(body);
  if (!message.content_encoding().empty()) item["content_encoding"] = Short(message.content_encoding());
  bodies_.push_back(std::move(item));
}

void Describer::Transaction(const v1::Transaction& transaction) {
  (*out_)["operations"] = transaction.operations_size();
  for (const v1::Operation& operation : transaction.operations()) {
    if (operation.has_publish()) Publish(operation.publish());
    if (operation.has_ack()) Receipts(operation.ack());
    if (!operation.has_nack()) continue;
    Receipts(operation.nack());
    next_id_.reset();  // A message that moves to a dead-letter queue takes an id.
  }
}

void Describer::Finish() {
  if (targets_.size() == 1) (*out_)["target"] = targets_.front();
  if (targets_.size() > 1) (*out_)["targets"] = std::move(targets_);
  if (messages_ > 0) (*out_)["messages"] = messages_;
  if (!ids_.empty()) (*out_)["ids"] = std::move(ids_);
  if (!bodies_.empty()) (*out_)["bodies"] = std::move(bodies_);
}

std::string ValueText(const json::value& value);

// Numbers in a row become "first..last".
std::string ListText(const json::array& items) {
  std::string text;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!text.empty()) text += ",";
    if (items[i].is_string()) {
      text += ValueText(items[i]);
      continue;
    }
    const uint64_t first = items[i].to_number<uint64_t>();
    size_t last = i;
    while (last + 1 < items.size() && items[last + 1].to_number<uint64_t>() == first + (last + 1 - i)) ++last;
    text += std::to_string(first);
    if (last > i) text.append("..").append(std::to_string(first + (last - i)));
    i = last;
  }
  return text;
}

std::string ValueText(const json::value& value) {
  if (value.is_array()) return ListText(value.as_array());
  if (!value.is_string()) return json::serialize(value);
  const std::string_view text(value.as_string());
  return Escape(text, text.size());
}

std::string BodiesText(const json::array& bodies) {
  std::string text;
  for (const json::value& item : bodies) {
    for (const auto& pair : item.as_object()) {
      const std::string_view value(pair.value().as_string());
      text.append(" ").append(pair.key()).append("=").append(Quote(value));
    }
  }
  return text;
}

}  // namespace

json::object ToJson(const Entry& entry, bool with_bodies) {
  json::object out;
  out["offset"] = entry.offset.value;
  out["epoch"] = entry.epoch.value;
  out["time"] = ToRfc3339(entry.timestamp);
  out["kind"] = json::string(KindName(entry.kind));
  out["bytes"] = entry.bytes().size();
  if (entry.kind == EntryKind::kLeaderChange) out["leader"] = Short(std::string(entry.bytes()));
  if (entry.kind != EntryKind::kCommand) return out;
  v1::Command command;
  if (command.ParseFromArray(entry.bytes().data(), static_cast<int>(entry.bytes().size()))) {
    Describer(entry, with_bodies, &out).Command(command);
  } else {
    out["command"] = "undecodable";
  }
  return out;
}

std::string ToLine(const Entry& entry, bool with_bodies) {
  std::string line;
  const json::object fields = ToJson(entry, with_bodies);
  for (const auto& field : fields) {
    if (field.key() == "bodies") {
      line += BodiesText(field.value().as_array());
      continue;
    }
    if (!line.empty()) line += " ";
    line.append(field.key()).append("=").append(ValueText(field.value()));
  }
  return line;
}

}  // namespace mom::replay
