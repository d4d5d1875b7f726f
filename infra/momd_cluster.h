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

// Listens, so that a wrong or taken address shows before anything is written. Other nodes get no answer to
// their greetings before FindCluster. `admits`: see TransportOptions.
Result<ClusterLinks> ListenForNodes(const MomdConfig& config, const replication::PeerAddresses& peers,
                                    std::function<bool()> admits);

// What a start that waits for others is told by its caller, and tells it.
struct StartWait {
  std::function<bool()> keep_waiting;                      // False: kStopping.
  std::function<void(const std::string& waits_for)> tell;  // In short pauses.
};

// Finds out which cluster `data` belongs to if it does not know yet: waits for all of --peers then, or for
// one of `seeds` that is part of a cluster. kWrongOwner: it can belong to none of these.
Status FindCluster(const std::vector<std::string>& seeds, const StartWait& wait, ClusterLinks* links,
                   replication::DataDir* data);

// From now on who asks is told that these are the cluster's members.
void TellMembers(const ClusterLinks& links, const replication::Members& members);

}  // namespace mom::infra
