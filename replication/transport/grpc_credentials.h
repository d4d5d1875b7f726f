// Who may talk to whom: mutual TLS, or plaintext where nobody else can listen.
#pragma once

#include <grpcpp/grpcpp.h>

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

}  // namespace mom::replication
