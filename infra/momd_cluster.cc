#include "infra/momd_cluster.h"

#include <spdlog/spdlog.h>

#include <charconv>
#include <chrono>
#include <thread>
#include <utility>

#include "replication/replica/marks.h"
#include "replication/transport/grpc_transport.h"

namespace mom::infra {
namespace {

using replication::Greeting;
using replication::PeerAddresses;

constexpr auto kGreetPause = std::chrono::milliseconds(100);
constexpr auto kReportPause = std::chrono::seconds(5);

std::string PeersText(const PeerAddresses& peers) {
  std::string text;
  for (const auto& [node, address] : peers) {
    if (!text.empty()) text += ',';
    text += std::to_string(node.value) + '=' + address;
  }
  return text;
}

Result<std::unique_ptr<replication::Transport>> MakeTransport(const MomdConfig& config) {
  replication::TransportOptions options;
  options.listen = config.grpc_listen;
  options.tls = {config.grpc_ca, config.grpc_certificate, config.grpc_key};
  options.allow_plaintext = config.grpc_plaintext;
  options.log = [](replication::LogLevel level, const std::string& text) {
    spdlog::log(level == replication::LogLevel::kWarning ? spdlog::level::warn : spdlog::level::info, "{}",
                text);
  };
  return replication::MakeGrpcTransport(std::move(options));
}

Greeting GreetingOf(const replication::DataDir& data, const PeerAddresses& peers) {
  Greeting greeting{data.identity.node, data.identity.disk, data.identity.cluster, {}, PeersText(peers)};
  auto founders = replication::ReadFirstVoters(data.env, data.path);
  if (!greeting.cluster.empty() && founders.ok())
    greeting.founders.assign(founders->begin(), founders->end());
  return greeting;
}

void GreetAll(ClusterLinks* links, const Greeting& self) {
  for (const auto& [node, address] : links->peers) {
    if (node == self.node) continue;
    links->transport->Greet(node, self, [founding = links->founding.get()](Result<Greeting> answer) {
      if (answer.ok()) founding->OnGreeting(*answer);
    });
  }
}

Status Found(ClusterLinks* links, replication::DataDir* data, const std::function<bool()>& keep_waiting) {
  auto last_report = std::chrono::steady_clock::now();
  for (;;) {
    auto outcome = links->founding->Outcome();
    if (!outcome.ok()) return outcome.status();
    if (*outcome) {
      MOM_RETURN_IF_ERROR(replication::JoinCluster(data, (*outcome)->cluster, (*outcome)->founders));
      spdlog::info("founded cluster {} with {} voters", replication::ToString(data->identity.cluster),
                   (*outcome)->founders.size());
      return Status();
    }
    if (!keep_waiting()) return Status(Status::kStopping, "stopped before the cluster was founded");
    GreetAll(links, links->founding->self());
    std::this_thread::sleep_for(kGreetPause);
    if (std::chrono::steady_clock::now() - last_report < kReportPause) continue;
    last_report = std::chrono::steady_clock::now();
    spdlog::info("founding the cluster needs all of --peers once:{}", links->founding->Missing());
  }
}

}  // namespace

Result<PeerAddresses> ParsePeers(const MomdConfig& config) {
  PeerAddresses peers;
  std::string_view rest = config.peers;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const size_t equals = part.find('=');
    uint32_t id = 0;
    const char* end = part.data() + std::min(equals, part.size());
    const auto [stop, error] = std::from_chars(part.data(), end, id);
    const bool is_number = equals != std::string_view::npos && error == std::errc() && stop == end && id > 0;
    auto address = ParseHostPort(std::string(is_number ? part.substr(equals + 1) : part));
    if (!is_number || !address.ok() || address->port == 0) {
      return Status(Status::kInvalidArgument,
                    "--peers: '" + std::string(part) + "' is not ID=HOST:PORT, as in 1=127.0.0.1:9081");
    }
    if (!peers.emplace(NodeId{id}, part.substr(equals + 1)).second) {
      return Status(Status::kInvalidArgument, "--peers names node " + std::to_string(id) + " twice");
    }
  }
  if (peers.size() > quorum::kVotersMax) {
    return Status(Status::kInvalidArgument,
                  "--peers names more than " + std::to_string(quorum::kVotersMax) + " nodes");
  }
  if (!peers.empty() && !peers.contains(NodeId{config.node_id})) {
    return Status(Status::kInvalidArgument,
                  "--peers does not name this node (--node-id " + std::to_string(config.node_id) + ")");
  }
  if (peers.size() == 1) peers.clear();
  return peers;
}

std::string AdvertisedRest(const HostPort& listen, uint16_t port, const PeerAddresses& peers, NodeId self) {
  std::string host = listen.host;
  const auto own = peers.find(self);
  const bool is_everywhere = host == "0.0.0.0" || host == "::" || host == "[::]";
  if (is_everywhere && own != peers.end()) host = own->second.substr(0, own->second.rfind(':'));
  return host + ":" + std::to_string(port);
}

Result<ClusterLinks> ConnectCluster(const MomdConfig& config, const PeerAddresses& peers,
                                    replication::DataDir* data, const std::function<bool()>& keep_waiting) {
  const bool founded = !data->identity.cluster.empty();
  if (founded && replication::ReadFirstVoters(data->env, data->path).status().code() == Status::kNotFound) {
    return Status(Status::kWrongOwner,
                  data->path +
                      " belongs to a node that is a cluster alone; start it without --peers, "
                      "or give each node of the new cluster an empty --data-dir");
  }
  ClusterLinks links;
  links.peers = peers;
  std::set<NodeId> nodes;
  for (const auto& [node, address] : peers) nodes.insert(node);
  const std::string text = PeersText(peers);
  links.founding = std::make_unique<replication::Founding>(GreetingOf(*data, peers), nodes);
  links.router = std::make_unique<replication::PeerRouter>(
      [founding = links.founding.get(), text](const Greeting& from) {
        founding->OnGreeting(from);
        if (from.peers != text) {
          spdlog::warn("node {} was started with other --peers: {} there, {} here", from.node.value,
                       from.peers, text);
        }
        return founding->self();
      });
  auto transport = MakeTransport(config);
  if (!transport.ok()) return transport.status();
  links.transport = *std::move(transport);
  links.transport->SetAddresses(peers);
  MOM_RETURN_IF_ERROR(
      links.transport->Start(links.router.get()).Annotate("--grpc-listen " + config.grpc_listen));
  if (data->identity.cluster.empty()) {
    if (Status status = Found(&links, data, keep_waiting); !status.ok()) {
      links.transport->Stop();
      return status;
    }
    links.founding->SetSelf(GreetingOf(*data, peers));
    GreetAll(&links, links.founding->self());
  }
  links.transport->SetIdentity({data->identity.cluster, data->identity.node, data->identity.disk});
  return links;
}

}  // namespace mom::infra
