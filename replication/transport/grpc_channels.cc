#include "replication/transport/grpc_channels.h"

#include <string>

#include "replication/transport/wire.h"

namespace mom::replication {
namespace {

// A channel that failed to connect refuses calls at once until its back-off is over, although the node may be
// back already. A new channel tries at once; so often is often enough.
constexpr std::chrono::milliseconds kRetryPause{50};

}  // namespace

void GrpcChannels::SetCredentials(std::shared_ptr<grpc::ChannelCredentials> credentials) {
  std::lock_guard lock(mutex_);
  credentials_ = std::move(credentials);
}

void GrpcChannels::SetAddresses(PeerAddresses addresses) {
  std::lock_guard lock(mutex_);
  std::erase_if(channels_, [&](const auto& known) {
    const auto now = addresses.find(known.first.first);
    return now == addresses.end() || now->second != addresses_[known.first.first];
  });
  addresses_ = std::move(addresses);
}

PeerAddresses GrpcChannels::Addresses() const {
  std::lock_guard lock(mutex_);
  return addresses_;
}

std::shared_ptr<v1::Peer::Stub> GrpcChannels::To(NodeId node, ChannelKind kind) {
  std::lock_guard lock(mutex_);
  const auto address = addresses_.find(node);
  if (address == addresses_.end() || credentials_ == nullptr) return nullptr;
  Known& known = channels_[{node, kind}];
  const auto now = std::chrono::steady_clock::now();
  const bool is_stuck = known.channel != nullptr && now - known.made >= kRetryPause &&
                        known.channel->GetState(false) == GRPC_CHANNEL_TRANSIENT_FAILURE;
  if (known.channel == nullptr || is_stuck) {
    if (options_.admits && !options_.admits()) return known.stub;  // Null, or one that may still recover.
    auto channel = Make(address->second);
    known = Known{channel, v1::Peer::NewStub(channel), now};
  }
  return known.stub;
}

void GrpcChannels::Renew(NodeId node, ChannelKind kind, std::chrono::steady_clock::time_point used_at) {
  std::lock_guard lock(mutex_);
  const auto known = channels_.find({node, kind});
  if (known != channels_.end() && known->second.made <= used_at) channels_.erase(known);
}

std::shared_ptr<grpc::Channel> GrpcChannels::Make(const std::string& address) const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // Else channels share a connection silently.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);  // What is sent twice is the caller's decision.
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // Despite its name: how long connecting and the handshake may take. Says nothing of the next attempt.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(options_.keepalive_ms));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, static_cast<int>(options_.keepalive_timeout_ms));
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A frame need not wait half way for the receiver to make room.
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 4 << 20);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetMaxReceiveMessageSize(static_cast<int>(wire::kMessageBytesMax));
  arguments.SetMaxSendMessageSize(static_cast<int>(wire::kMessageBytesMax));
  return grpc::CreateCustomChannel(address, credentials_, arguments);
}

}  // namespace mom::replication
