// Members of the cluster: for administrators. Passed on to the leader by the replica.
#include <charconv>
#include <string>

#include "replication/replica/members.h"
#include "rest/api_routes.h"

namespace mom::rest {
namespace {

using replication::AdminRequest;

// False after having answered 403.
bool CheckAdmin(Call& call) {
  if (call.IsAdmin(call.Latest())) return true;
  call.SendProblem(403, "not-allowed", "only an administrator changes the cluster");
  return false;
}

void SendFailure(Call& call, const Status& status) {
  const std::string& why = status.message();
  switch (status.code()) {
    case Status::kNotFound:
      return call.SendProblem(404, "node-not-found", why);
    case Status::kInvalidArgument:
    case Status::kWrongOwner:
      return call.SendProblem(409, "node-refused", why);
    case Status::kBusy:
      return call.SendProblem(409, "change-in-progress", why);
    case Status::kOverloaded:
      return call.SendProblem(503, "not-caught-up", why);
    case Status::kNotLeader:
      return call.SendProblem(503, "no-leader", "no leader carries this out now; try again: " + why);
    case Status::kStopping:
      return call.SendProblem(503, "stopping", "the node is stopping; ask another one or try again");
    default:
      return call.SendProblem(503, "outcome-unknown",
                              "whether this took effect is unknown; it is safe to repeat");
  }
}

std::string TextOf(const AdminRequest& request) {
  const std::string node = "node " + std::to_string(request.node.value);
  switch (request.kind) {
    case AdminRequest::Kind::kAddNode:
      return "make " + node + " at " + request.address + " a voter";
    case AdminRequest::Kind::kRemoveNode:
      return "remove " + node;
    case AdminRequest::Kind::kTransfer:
      return request.node == NodeId{} ? "let another node lead" : "let " + node + " lead";
  }
  return "an unknown change";
}

// The log of the node holds who changed the cluster: entries with voters name nobody.
void Administer(const CallPtr& call, const AdminRequest& request, std::function<void(Call&)> on_done) {
  const std::string asked = "user " + call->user() + " asked to " + TextOf(request) + ": ";
  call->services().replica->Administer(
      request, [call, asked, on_done = std::move(on_done)](const Status& status) {
        const auto& tell = call->options().on_cluster_change;
        if (tell) tell(asked + (status.ok() ? "done" : "not done, " + status.message()));
        status.ok() ? on_done(*call) : SendFailure(*call, status);
      });
}

bool IsHostPort(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  // Commas and equal signs part addresses in --peers.
  if (!replication::IsAddressText(text) || text.find_first_of(",=") != std::string_view::npos) return false;
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
  return error == std::errc() && stop == end && port > 0;
}

void AddNode(const CallPtr& call) {
  if (!CheckAdmin(*call)) return;
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  const auto id = static_cast<uint32_t>(object.GetInt("id", 1, UINT32_MAX));
  const std::string address(object.GetString("address", 1, replication::kAddressBytesMax));
  if (!IsHostPort(address)) object.Reject("address", "must be HOST:PORT, the node's --grpc-listen");
  if (!call->FinishBody(body)) return;
  Administer(call, {AdminRequest::Kind::kAddNode, NodeId{id}, address}, [id, address](Call& done) {
    JsonWriter json;
    json.BeginObject().Member("id", id).Member("address", address).Member("voter", true);
    done.SendJson(200, json.EndObject().Take());
  });
}

void RemoveNode(const CallPtr& call) {
  if (!CheckAdmin(*call)) return;
  const std::string& text = call->parameter("id");
  uint32_t id = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || stop != text.data() + text.size() || id == 0)
    return call->SendProblem(404, "node-not-found", "nodes are named by their number");
  Administer(call, {AdminRequest::Kind::kRemoveNode, NodeId{id}, ""}, [](Call& done) { done.SendEmpty(); });
}

void TransferLeadership(const CallPtr& call) {
  if (!CheckAdmin(*call)) return;
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  const auto to = static_cast<uint32_t>(object.TryInt("to", 1, UINT32_MAX).value_or(0));
  if (!call->FinishBody(body)) return;
  Administer(call, {AdminRequest::Kind::kTransfer, NodeId{to}, ""}, [](Call& done) { done.SendEmpty(); });
}

constexpr Route kRoutes[] = {
    {"POST", "/v1/cluster/nodes", Access::kSession, BodyKind::kJson, false, AddNode, true},
    {"DELETE", "/v1/cluster/nodes/{id}", Access::kSession, BodyKind::kNone, false, RemoveNode, true},
    {"POST", "/v1/cluster/transfer", Access::kSession, BodyKind::kJson, false, TransferLeadership, true},
};

}  // namespace

std::span<const Route> ClusterRoutes() {
  return kRoutes;
}

}  // namespace mom::rest
