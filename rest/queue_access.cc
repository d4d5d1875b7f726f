#include "rest/queue_access.h"

#include "core/broker/access.h"

namespace mom::rest {

std::optional<broker::QueueHandle> FindVisibleQueue(Call& call, const broker::ViewReader& view) {
  if (!call.CheckName("q", "queue-not-found")) return std::nullopt;
  const std::string& name = call.parameter("q");
  auto queue = broker::FindQueue(view, name);
  if (queue && (broker::MaySee(queue->record, call.user(), false) || call.IsAdmin(view))) return queue;
  call.SendProblem(404, "queue-not-found", "there is no queue '" + name + "'");
  return std::nullopt;
}

std::optional<broker::QueueHandle> FindReadableQueue(Call& call, const broker::ViewReader& view) {
  auto queue = FindVisibleQueue(call, view);
  if (!queue || broker::IsOwner(queue->record, call.user()) ||
      broker::MayReceive(queue->record, call.user()) || call.IsAdmin(view))
    return queue;
  call.SendProblem(
      403, "not-allowed",
      "'" + call.user() + "' may not look into '" + queue->name + "'; its creator can grant receiving");
  return std::nullopt;
}

}  // namespace mom::rest
