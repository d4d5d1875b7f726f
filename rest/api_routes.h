// The routes by resource; each function lives in the file of its resource.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>

#include "rest/api_call.h"

namespace mom::rest {

std::span<const Route> UserRoutes();         // api_users.cc
std::span<const Route> SessionRoutes();      // api_sessions.cc
std::span<const Route> QueueRoutes();        // api_queues.cc
std::span<const Route> MessageRoutes();      // api_messages.cc
std::span<const Route> ReceiveRoutes();      // api_receive.cc
std::span<const Route> PeekRoutes();         // api_peek.cc
std::span<const Route> TopicRoutes();        // api_topics.cc
std::span<const Route> TransactionRoutes();  // api_transactions.cc
std::span<const Route> OperationRoutes();    // api_operation.cc
std::span<const Route> ClusterRoutes();      // api_cluster.cc

// api_receive.cc: these queues may have something to receive, and this nobody may wait for any more. On the
// applier thread.
void OnWoken(const std::shared_ptr<Services>& services, const std::set<std::string>& queues,
             const broker::Revoked& revoked);
// api_receive.cc: everything may be otherwise than it was. On a thread of the replica.
void OnUpheaval(const std::shared_ptr<Services>& services);

}  // namespace mom::rest
