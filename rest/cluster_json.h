// The answer to GET /v1/cluster: every node of the cluster as this node knows it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "replication/replica/replica.h"

namespace mom::rest {

// `self` and `version` are of this node. Members that this node does not know of another are left out.
std::string ClusterJson(const replication::ReplicaInfo& info, uint32_t self, std::string_view version);

}  // namespace mom::rest
