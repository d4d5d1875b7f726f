#include "replication/transport/grpc_failure.h"

#include "replication/transport/grpc_call.h"

namespace mom::replication {

// gRPC has no code for it: the words are those of a channel that has no connection to give the call to, and
// without a connection the peer is the name that was asked for. (A peer alone says nothing: it is not known
// before the answer begins.)
bool WasSent(const grpc::Status& status, const std::string& peer) {
  const std::string& words = status.error_message();
  const bool had_no_connection =
      status.error_code() == grpc::StatusCode::UNAVAILABLE &&
      (words.starts_with("failed to connect to all addresses") || words.starts_with("DNS resolution failed"));
  return !had_no_connection || peer.starts_with("ipv4:") || peer.starts_with("ipv6:");
}

Status FailureOfCall(NodeId to, const grpc::Status& status, bool was_sent) {
  const bool is_not_done = !was_sent || status.error_details() == kNotDone;
  Status::Code code = is_not_done ? Status::kNotFound : Status::kUncertain;
  if (is_not_done && was_sent && status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
    code = Status::kOverloaded;
  } else if (is_not_done && status.error_code() == grpc::StatusCode::FAILED_PRECONDITION) {
    code = Status::kWrongOwner;
  }
  return Status(code, "node " + std::to_string(to.value) + ": " + status.error_message());
}

}  // namespace mom::replication
