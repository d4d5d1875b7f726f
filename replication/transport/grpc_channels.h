// GrpcChannels: the connections to the other nodes, made when first needed.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "mom/v1/replication.grpc.pb.h"
#include "replication/transport/transport.h"
#include "replication/transport/transport_options.h"

namespace mom::replication {

// Each has a connection of its own, so that an election does not queue behind a frame of 4 MiB, nor a frame
// behind a snapshot.
enum class ChannelKind { kNotices, kFetch, kForward, kSnapshot };

// Thread-safe.
class GrpcChannels {
 public:
  explicit GrpcChannels(const TransportOptions& options) : options_(options) {}

  void SetCredentials(std::shared_ptr<grpc::ChannelCredentials> credentials);
  // Connections to nodes that moved or left are not used any more; calls on them go on.
  void SetAddresses(PeerAddresses addresses);
  PeerAddresses Addresses() const;
  // Null: no address, or no new connection is admitted. Never blocks. A call keeps what it was started with
  // until its context is gone, so that the last owner of a connection is never inside of gRPC, whose counting
  // ThreadSanitizer does not see.
  std::shared_ptr<v1::Peer::Stub> To(NodeId node, ChannelKind kind);
  // Its connection seems dead, although nobody closed it: the next call makes another one. After a cut TCP
  // itself may take as long again to notice that it is over. Nothing happens to one made after `used_at`.
  void Renew(NodeId node, ChannelKind kind, std::chrono::steady_clock::time_point used_at);

 private:
  struct Known {
    std::shared_ptr<grpc::Channel> channel;
    std::shared_ptr<v1::Peer::Stub> stub;
    std::chrono::steady_clock::time_point made;
  };
  std::shared_ptr<grpc::Channel> Make(const std::string& address) const;

  const TransportOptions& options_;
  mutable std::mutex mutex_;
  std::shared_ptr<grpc::ChannelCredentials> credentials_;  // Guarded by mutex_, like the next two.
  PeerAddresses addresses_;
  std::map<std::pair<NodeId, ChannelKind>, Known> channels_;
};

}  // namespace mom::replication
