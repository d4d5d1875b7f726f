// Queues and lists of users as JSON, both ways.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/broker/view.h"
#include "mom/v1/records.pb.h"
#include "replication/view/latest_view.h"
#include "rest/api_call.h"

namespace mom::rest {

// A member that is "*" or a list of names. `text` is the whole body, whose root `object` is.
std::optional<v1::UserList> TryUserList(std::string_view text, JsonObject* object, std::string_view field);
void AppendUserList(const v1::UserList& list, JsonWriter* json);

// Members of `settings` that are absent stay 0.
v1::QueueSettings ReadSettings(std::string_view text, JsonObject* object);

v1::QueueState ReadQueueState(const broker::ViewReader& view, uint64_t queue_id);
// One complete object, without its oldest message.
void AppendQueue(const broker::ViewReader& view, std::string_view name, const v1::QueueRecord& record,
                 JsonWriter* json);

// One queue with its oldest message, for which it takes a snapshot the first time: when that one was sent is
// noted with the queue's state, until another one is the oldest. Not thread-safe; `latest` must outlive it.
class QueueLook {
 public:
  // Of the newest state, which may be a batch newer than `record`.
  QueueLook(const replication::LatestView* latest, const v1::QueueRecord& record);
  // False, and nothing appended: a snapshot is needed. REQUIRES: the same record.
  bool TryAppend(std::string_view name, const v1::QueueRecord& record, JsonWriter* json) const;
  // `view` is a snapshot taken since this was made; the queue may be another one by now.
  void Append(const broker::ViewReader& view, std::string_view name, const v1::QueueRecord& record,
              JsonWriter* json) const;

 private:
  const replication::LatestView* latest_;
  const uint64_t queue_id_;
  const replication::LatestView::Record state_;
};

}  // namespace mom::rest
