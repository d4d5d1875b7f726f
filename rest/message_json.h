// Messages as they go out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/broker/view.h"
#include "mom/v1/commands.pb.h"
#include "rest/http_port.h"

namespace mom::rest {

std::optional<v1::Envelope> ReadEnvelope(const broker::ViewReader& view, uint64_t message_id);

// The members that every message has, without braces: "id":...,"body":... Fast: it writes most of all bytes
// that the node sends.
void AppendMessage(uint64_t id, std::string_view queue, const v1::Envelope& envelope, uint32_t attempt,
                   std::string* out);

// {"messages":[...]} of what `receiver` got at `received_ms`. Those that are neither in the reply nor in the
// view any more are left out.
std::string ReceivedJson(const broker::ViewReader& view, std::string_view queue, std::string_view receiver,
                         int64_t received_ms, const v1::ReceiveReply& reply);
// The first message as a raw body with Mom-* headers; 204 without one.
HttpResponse ReceivedRaw(const broker::ViewReader& view, std::string_view queue,
                         const v1::ReceiveReply& reply);

}  // namespace mom::rest
