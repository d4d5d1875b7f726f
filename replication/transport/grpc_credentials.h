// Who may talk to whom: mutual TLS, or plaintext where nobody else can listen.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>

#include "core/base/result.h"
#include "replication/transport/transport_options.h"

namespace mom::replication {

struct GrpcCredentials {
  std::shared_ptr<grpc::ServerCredentials> server;
  std::shared_ptr<grpc::ChannelCredentials> client;
};

// kInvalidArgument: plaintext beyond loopback, or files missing.
Result<GrpcCredentials> MakeCredentials(const TransportOptions& options);

// Whether whoever is at the other end may speak for `node`: a certificate with a common name or an
// alternative name "node-ID" or "node-ID.anything" is believed of the nodes that it names so, and of no
// other; one without such a name of none. kWrongOwner else, with the address that it came from. Plaintext
// speaks for any.
Status MaySpeakFor(const grpc::ServerContext& peer, uint32_t node);

}  // namespace mom::replication
