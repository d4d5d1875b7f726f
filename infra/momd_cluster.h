// What momd does to be one node of several: reads --peers and --join, listens to the others, agrees with them
// on the cluster or learns which one it joins.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

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
std::string AdvertisedRest(const HostPort& listen, uint16_t port,
                           const std::map<uint32_t, std::string>& addresses, NodeId self);

// Nodes of the cluster to join, from --join; empty: none.
Result<std::vector<std::string>> ParseSeeds(const MomdConfig& config);

// The folder is that of a node of several, or that may become one of several.
bool IsMember(const replication::DataDir& data);

// What the configuration says of addresses, and where it says nothing what the cluster said last.
replication::PeerAddresses KnownAddresses(const replication::PeerAddresses& configured,
                                          const replication::PeerAddresses& remembered);

// The node's links. Stop() the transport before what the router leads to goes.
struct ClusterLinks {
  replication::PeerAddresses peers;
  std::unique_ptr<replication::Founding> founding;
  std::unique_ptr<replication::PeerRouter> router;
  std::unique_ptr<replication::Transport> transport;
};

// Listens, and finds out which cluster `data` belongs to if it does not know yet: waits for all of --peers
// then, or for one of `seeds` that is part of a cluster, as long as `keep_waiting` says so (else kStopping).
// `admits`: see TransportOptions.
Result<ClusterLinks> ConnectCluster(const MomdConfig& config, const replication::PeerAddresses& peers,
                                    const std::vector<std::string>& seeds, replication::DataDir* data,
                                    const std::function<bool()>& keep_waiting, std::function<bool()> admits);

// From now on who asks is told that these are the cluster's members.
void TellMembers(const ClusterLinks& links, const replication::Members& members);

}  // namespace mom::infra
