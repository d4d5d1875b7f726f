#include "rest/message_json.h"

#include <array>
#include <charconv>
#include <cstring>

#include "core/broker/key_walk.h"
#include "core/broker/keys.h"
#include "rest/names.h"
#include "rest/problem.h"
#include "rest/wire_ids.h"

namespace mom::rest {
namespace {

// Bytes at the front that stand for themselves in a JSON string: printable ASCII but " and \. Eight at a
// time.
size_t PlainPrefix(std::string_view text) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHighs = 0x8080808080808080;
  const auto has_zero = [](uint64_t word) { return (word - kOnes) & ~word & kHighs; };
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, sizeof word);
    const uint64_t below_space = (word - kOnes * 0x20) & ~word & kHighs;
    if ((below_space | (word & kHighs) | has_zero(word ^ (kOnes * '"')) | has_zero(word ^ (kOnes * '\\'))) !=
        0)
      break;
  }
  for (; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\') break;
  }
  return i;
}

void AppendText(std::string_view text, std::string* out) {
  if (PlainPrefix(text) != text.size()) return AppendJsonString(text, out);
  out->push_back('"');
  out->append(text);
  out->push_back('"');
}

void AppendBody(std::string_view body, std::string* out) {
  if (PlainPrefix(body) == body.size() || IsUtf8(body)) {
    out->append(",\"body\":");
    AppendText(body, out);
  } else {
    out->append(",\"body_base64\":\"").append(EncodeBase64(body)).push_back('"');
  }
}

void AppendNumber(std::string_view name, int64_t number, std::string* out) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out->append(name).append(digits, static_cast<size_t>(end - digits));
}

// FormatTimestamp with the last results kept: messages of one answer were mostly sent at few times, and are
// all held from and until the same.
void AppendTime(std::string_view name, int64_t ms, std::string* out) {
  struct Kept {
    int64_t ms = 0;
    std::string text;  // Empty: nothing is kept.
  };
  static thread_local std::array<Kept, 16> kept;
  Kept& at = kept[static_cast<uint64_t>(ms) % kept.size()];
  if (at.ms != ms || at.text.empty()) at = {ms, FormatTimestamp(Timestamp{ms})};
  out->append(name).append("\"").append(at.text).append("\"");
}

void AppendOptional(std::string_view name, std::string_view text, std::string* out) {
  if (text.empty()) return;
  out->append(name);
  AppendText(text, out);
}

void AppendDeadLetters(const v1::Envelope& envelope, std::string* out) {
  if (envelope.dead_letters().empty()) return;
  out->append(",\"dead_letters\":[");
  for (const v1::DeadLetter& move : envelope.dead_letters()) {
    out->append(out->back() == '[' ? "{" : ",{");
    out->append("\"queue\":\"").append(move.queue()).append("\",\"reason\":");
    AppendText(move.reason(), out);
    AppendTime(",\"at\":", move.at_ms(), out);
    out->push_back('}');
  }
  AppendNumber("],\"dead_letter_count\":", envelope.dead_letter_count(), out);
}

// Envelopes of one answer: what a receiver takes lies mostly side by side.
class EnvelopeWalk {
 public:
  explicit EnvelopeWalk(const broker::ViewReader* view) : stored_(view) {}

  // False when the view does not hold it.
  bool Find(uint64_t message_id) {
    const auto value = stored_.Find(broker::keys::Envelope(message_id));
    return value && envelope_.ParseFromArray(value->data(), static_cast<int>(value->size()));
  }
  const v1::Envelope& envelope() const { return envelope_; }

 private:
  broker::KeyWalk stored_;
  v1::Envelope envelope_;
};

}  // namespace

std::optional<v1::Envelope> ReadEnvelope(const broker::ViewReader& view, uint64_t message_id) {
  const auto bytes = view.Get(broker::keys::Envelope(message_id));
  v1::Envelope envelope;
  if (!bytes || !envelope.ParseFromString(*bytes)) return std::nullopt;
  return envelope;
}

void AppendMessage(uint64_t id, std::string_view queue, const v1::Envelope& envelope, uint32_t attempt,
                   std::string* out) {
  out->append("\"id\":\"");
  AppendId(id, out);
  out->append("\",\"queue\":\"").append(queue).append("\"");  // A name needs no escapes.
  AppendOptional(",\"topic\":", envelope.topic(), out);
  AppendOptional(",\"sender\":", envelope.sender(), out);
  AppendTime(",\"sent_at\":", envelope.sent_ms(), out);
  AppendNumber(",\"attempt\":", attempt, out);
  AppendBody(envelope.body(), out);
  out->append(",\"content_type\":");
  AppendText(envelope.content_type(), out);
  AppendOptional(",\"content_encoding\":", envelope.content_encoding(), out);
  out->append(",\"headers\":{");
  for (int i = 0; i < envelope.headers_size(); ++i) {
    if (i > 0) out->push_back(',');
    AppendText(envelope.headers(i).name(), out);
    out->push_back(':');
    AppendText(envelope.headers(i).value(), out);
  }
  AppendNumber("},\"priority\":", envelope.priority(), out);
  AppendOptional(",\"group\":", envelope.group(), out);
  AppendOptional(",\"reply_to\":", envelope.reply_to(), out);
  AppendOptional(",\"correlation_id\":", envelope.correlation_id(), out);
  AppendDeadLetters(envelope, out);
}

std::string ReceivedJson(const broker::ViewReader& view, std::string_view queue, std::string_view receiver,
                         int64_t received_ms, const v1::ReceiveReply& reply) {
  std::string out = "{\"messages\":[";
  EnvelopeWalk stored(&view);
  for (const v1::Delivery& delivery : reply.messages()) {
    if (!delivery.has_envelope() && !stored.Find(delivery.id())) continue;
    const v1::Envelope& envelope = delivery.has_envelope() ? delivery.envelope() : stored.envelope();
    out.append(out.back() == '[' ? "{" : ",{");
    AppendMessage(delivery.id(), queue, envelope, delivery.attempt(), &out);
    AppendOptional(",\"receiver\":", receiver, &out);
    AppendTime(",\"received_at\":", received_ms, &out);
    if (delivery.lease() != 0) {
      out.append(",\"receipt\":\"");
      AppendId(delivery.id(), &out);
      out.push_back('-');
      AppendId(delivery.lease(), &out);
      AppendTime("\",\"lease_until\":", delivery.lease_until_ms(), &out);
    }
    out.push_back('}');
  }
  return out.append("]}");
}

HttpResponse ReceivedRaw(const broker::ViewReader& view, std::string_view queue,
                         const v1::ReceiveReply& reply) {
  if (reply.messages_size() == 0) return HttpResponse{204, {}, {}};
  const v1::Delivery& delivery = reply.messages(0);
  std::optional<v1::Envelope> envelope;
  if (delivery.has_envelope()) {
    envelope = delivery.envelope();
  } else {
    envelope = ReadEnvelope(view, delivery.id());
  }
  if (!envelope) return HttpResponse{204, {}, {}};
  HttpResponse response;
  const auto add = [&response](std::string name, std::string value) {
    if (!value.empty()) response.headers.emplace_back(std::move(name), std::move(value));
  };
  add("Content-Type",
      envelope->content_type().empty() ? "application/octet-stream" : envelope->content_type());
  add("Content-Encoding", envelope->content_encoding());
  add("Mom-Id", FormatId(delivery.id()));
  add("Mom-Queue", std::string(queue));
  add("Mom-Topic", envelope->topic());
  add("Mom-Sender", envelope->sender());
  add("Mom-Sent-At", FormatTimestamp(Timestamp{envelope->sent_ms()}));
  add("Mom-Attempt", std::to_string(delivery.attempt()));
  if (delivery.lease() != 0) {
    add("Mom-Receipt", FormatReceipt(delivery.id(), delivery.lease()));
    add("Mom-Lease-Until", FormatTimestamp(Timestamp{delivery.lease_until_ms()}));
  }
  add("Mom-Priority", std::to_string(envelope->priority()));
  add("Mom-Group", envelope->group());
  add("Mom-Reply-To", envelope->reply_to());
  add("Mom-Correlation-Id", envelope->correlation_id());
  if (envelope->dead_letters_size() > 0) {
    const v1::DeadLetter& newest = envelope->dead_letters(envelope->dead_letters_size() - 1);
    add("Mom-Dead-Letter-Queue", newest.queue());
    add("Mom-Dead-Letter-Reason", newest.reason());
    add("Mom-Dead-Letter-At", FormatTimestamp(Timestamp{newest.at_ms()}));
    add("Mom-Dead-Letter-Count", std::to_string(envelope->dead_letter_count()));
  }
  for (const v1::Header& header : envelope->headers())  // With an empty value, too.
    response.headers.emplace_back("Mom-Header-" + header.name(), header.value());
  response.body = std::move(*envelope->mutable_body());
  return response;
}

}  // namespace mom::rest
