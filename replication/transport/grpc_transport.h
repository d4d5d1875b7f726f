// The transport on gRPC.
//
// All of gRPC's events arrive at one completion queue that a few threads of the transport drain; a handler
// runs on such a thread, so one that blocks stalls the node's links. PeerPort's functions write on the
// caller's thread as far as the socket takes it, and do not wait.
#pragma once

#include <memory>

#include "replication/transport/transport.h"
#include "replication/transport/transport_options.h"

namespace mom::replication {

// Start says whether the options are usable (kInvalidArgument), and may be called once. What is asked for
// once the transport stops is refused on the caller's thread.
std::unique_ptr<Transport> MakeGrpcTransport(TransportOptions options);

}  // namespace mom::replication
