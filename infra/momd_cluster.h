// What momd does to be one node of several: reads --peers, listens to the others, agrees with them on the
// cluster.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "infra/momd_config.h"
#include "replication/replica/data_dir.h"
#include "replication/replica/founding.h"
#include "replication/replica/peer_router.h"
#include "replication/transport/transport.h"

namespace mom::infra {

// "1=HOST:PORT,2=HOST:PORT,..." with this node among them; or empty for a node alone.
Result<replication::PeerAddresses> ParsePeers(const MomdConfig& config);

// HOST:PORT of this node's REST server for the other nodes to show. A server that listens everywhere is at
// the host by which the others reach this node.
std::string AdvertisedRest(const HostPort& listen, uint16_t port, const replication::PeerAddresses& peers,
                           NodeId self);

// The node's links. Stop() the transport before what the router leads to goes.
struct ClusterLinks {
  replication::PeerAddresses peers;
  std::unique_ptr<replication::Founding> founding;
  std::unique_ptr<replication::PeerRouter> router;
  std::unique_ptr<replication::Transport> transport;
};

// Listens, and finds out which cluster `data` belongs to if it does not know yet: waits for all of --peers
// then, as long as `keep_waiting` says so (else kStopping).
Result<ClusterLinks> ConnectCluster(const MomdConfig& config, const replication::PeerAddresses& peers,
                                    replication::DataDir* data, const std::function<bool()>& keep_waiting);

}  // namespace mom::infra
