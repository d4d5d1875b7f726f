// Queues and lists of users as JSON, both ways.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/broker/view.h"
#include "mom/v1/records.pb.h"
#include "rest/api_call.h"

namespace mom::rest {

// A member that is "*" or a list of names. `text` is the whole body, whose root `object` is.
std::optional<v1::UserList> TryUserList(std::string_view text, JsonObject* object, std::string_view field);
void AppendUserList(const v1::UserList& list, JsonWriter* json);

// Members of `settings` that are absent stay 0.
v1::QueueSettings ReadSettings(std::string_view text, JsonObject* object);

v1::QueueState ReadQueueState(const broker::ViewReader& view, uint64_t queue_id);
// One complete object. `with_oldest` costs a few reads more.
// For a queue without ready messages, from its newest state, which may be a batch newer than `record`; false,
// and nothing appended, for any other: look at it in a snapshot. Costs much less than one.
bool TryAppendQueue(const broker::ViewReader& latest, std::string_view name, const v1::QueueRecord& record,
                    JsonWriter* json);
void AppendQueue(const broker::ViewReader& view, std::string_view name, const v1::QueueRecord& record,
                 bool with_oldest, JsonWriter* json);

}  // namespace mom::rest
