// What became of a call that ended without an answer. Free functions; any thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include <string>

#include "core/base/status.h"
#include "core/quorum/types.h"

namespace mom::replication {

// False: certainly no byte of the call left this node.
bool WasSent(const grpc::Status& status, const std::string& peer);

// REQUIRES: `status` is not ok. kUncertain: it may have been done.
Status FailureOfCall(NodeId to, const grpc::Status& status, bool was_sent);

}  // namespace mom::replication
