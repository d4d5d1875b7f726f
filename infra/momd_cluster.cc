#include "infra/momd_cluster.h"

#include <spdlog/spdlog.h>

#include <charconv>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "replication/replica/marks.h"
#include "replication/replica/voters_codec.h"
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

Result<std::unique_ptr<replication::Transport>> MakeTransport(const MomdConfig& config,
                                                              std::function<bool()> admits) {
  replication::TransportOptions options;
  options.listen = config.grpc_listen;
  options.tls = {config.grpc_ca, config.grpc_certificate, config.grpc_key};
  options.allow_plaintext = config.grpc_plaintext;
  options.admits = std::move(admits);
  options.log = [](replication::LogLevel level, const std::string& text) {
    spdlog::log(level == replication::LogLevel::kWarning ? spdlog::level::warn : spdlog::level::info, "{}",
                text);
  };
  return replication::MakeGrpcTransport(std::move(options));
}

Greeting GreetingOf(const replication::DataDir& data, const PeerAddresses& peers) {
  Greeting greeting{data.identity.node, data.identity.disk, data.identity.cluster, {}, PeersText(peers), {}};
  auto first = replication::ReadFirstMembers(data.env, data.path);
  if (!greeting.cluster.empty() && first.ok())
    greeting.founders.assign(first->voters.begin(), first->voters.end());
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

Status Found(ClusterLinks* links, replication::DataDir* data, const StartWait& wait) {
  auto last_report = std::chrono::steady_clock::now();
  for (;;) {
    auto outcome = links->founding->Outcome();
    if (!outcome.ok()) return outcome.status();
    if (*outcome) {
      MOM_RETURN_IF_ERROR(
          replication::JoinCluster(data, (*outcome)->cluster, {(*outcome)->founders, links->peers}));
      spdlog::info("founded cluster {} with {} voters", replication::ToString(data->identity.cluster),
                   (*outcome)->founders.size());
      return Status();
    }
    if (!wait.keep_waiting()) return Status(Status::kStopping, "stopped before the cluster was founded");
    GreetAll(links, links->founding->self());
    const std::string waits_for =
        "founding the cluster needs all of --peers once:" + links->founding->Missing();
    wait.tell(waits_for);
    std::this_thread::sleep_for(kGreetPause);
    if (std::chrono::steady_clock::now() - last_report < kReportPause) continue;
    last_report = std::chrono::steady_clock::now();
    spdlog::info("{}", waits_for);
  }
}

// Nodes whose number is not known yet need one for their address.
NodeId SeedId(size_t index) {
  return NodeId{UINT32_MAX - static_cast<uint32_t>(index)};
}

// What nodes that were asked to be joined have said.
struct Answers {
  std::mutex mutex;
  std::vector<Greeting> greetings;  // Guarded by mutex, like the next.
  std::string failure;
};

// Ok: `members` may be joined. kNotFound: not yet.
Status JudgeHost(const Greeting& host, const Greeting& self, replication::Members* members) {
  const auto now = replication::DecodeMembers(host.voters);
  if (host.cluster.empty() || !now) return Status(Status::kNotFound, "it is no part of a cluster yet");
  if (now->voters.ContainsNode(self.node)) {
    const std::string id = std::to_string(self.node.value);
    return Status(Status::kWrongOwner,
                  "node " + id +
                      " is a voter of that cluster, on another disk. If that disk is lost, remove it "
                      "first (DELETE /v1/cluster/nodes/" +
                      id + "), then start again; else choose another --node-id");
  }
  if (!quorum::VoterSet::IsValid(host.founders)) return Status(Status::kNotFound, "it names no founders");
  *members = {quorum::VoterSet(host.founders), now->addresses};
  return Status();
}

void AskSeeds(ClusterLinks* links, const std::vector<std::string>& seeds, const Greeting& self,
              const std::shared_ptr<Answers>& answers) {
  for (size_t i = 0; i < seeds.size(); ++i) {
    links->transport->Greet(SeedId(i), self, [answers, seed = seeds[i]](Result<Greeting> answer) {
      std::lock_guard lock(answers->mutex);
      if (answer.ok()) return answers->greetings.push_back(*std::move(answer));
      answers->failure = seed + " does not answer (" + answer.status().message() + ")";
    });
  }
}

// Learns from any node of a cluster which one it is. Being let in is for its administrator: until then, and
// until it has caught up, this node only copies.
Status Join(ClusterLinks* links, const std::vector<std::string>& seeds, replication::DataDir* data,
            const StartWait& wait) {
  PeerAddresses addresses;
  for (size_t i = 0; i < seeds.size(); ++i) addresses[SeedId(i)] = seeds[i];
  links->transport->SetAddresses(addresses);
  const Greeting self = links->founding->self();
  auto last_report = std::chrono::steady_clock::now();
  const auto answers = std::make_shared<Answers>();
  for (;;) {
    AskSeeds(links, seeds, self, answers);
    std::this_thread::sleep_for(kGreetPause);
    if (!wait.keep_waiting()) return Status(Status::kStopping, "stopped before a cluster was joined");
    std::lock_guard lock(answers->mutex);
    for (const Greeting& host : std::exchange(answers->greetings, {})) {
      replication::Members members;
      const Status judged = JudgeHost(host, self, &members);
      if (judged.code() == Status::kWrongOwner) return judged.Annotate("--join " + seeds[0]);
      answers->failure = "node " + std::to_string(host.node.value) + ": " + judged.message();
      if (!judged.ok()) continue;
      MOM_RETURN_IF_ERROR(replication::JoinCluster(data, host.cluster, members));
      const std::string id = std::to_string(self.node.value);
      spdlog::info(
          "copying cluster {}; an administrator makes this node a voter with POST /v1/cluster/nodes "
          "{{\"id\":{},\"address\":\"HOST:PORT of its --grpc-listen\"}}",
          replication::ToString(host.cluster), id);
      return Status();
    }
    const std::string waits_for = "joining the cluster: " + answers->failure;
    wait.tell(waits_for);
    if (std::chrono::steady_clock::now() - last_report < kReportPause) continue;
    last_report = std::chrono::steady_clock::now();
    spdlog::info("{}", waits_for);
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
  return peers;
}

std::string AdvertisedRest(const HostPort& listen, uint16_t port,
                           const std::map<uint32_t, std::string>& addresses, NodeId self) {
  std::string host = listen.host;
  const auto own = addresses.find(self.value);
  const bool is_everywhere = host == "0.0.0.0" || host == "::" || host == "[::]";
  if (is_everywhere && own != addresses.end()) host = own->second.substr(0, own->second.rfind(':'));
  return host + ":" + std::to_string(port);
}

Result<std::vector<std::string>> ParseSeeds(const MomdConfig& config) {
  std::vector<std::string> seeds;
  std::string_view rest = config.join;
  while (!rest.empty()) {
    const std::string seed(rest.substr(0, rest.find(',')));
    rest.remove_prefix(std::min(rest.size(), seed.size() + 1));
    const auto address = ParseHostPort(seed);
    if (!address.ok() || address->port == 0) {
      return Status(
          Status::kInvalidArgument,
          "--join: '" + seed + "' is not HOST:PORT, as in 127.0.0.1:9081, the --grpc-listen of a node");
    }
    seeds.push_back(seed);
  }
  if (!seeds.empty() && !config.peers.empty()) {
    return Status(Status::kInvalidArgument,
                  "--join and --peers: a node either joins a cluster or founds one; give one of them");
  }
  return seeds;
}

PeerAddresses KnownAddresses(const PeerAddresses& configured, const PeerAddresses& remembered) {
  PeerAddresses known = remembered;
  for (const auto& [node, address] : configured) {
    const auto before = known.find(node);
    if (before != known.end() && before->second != address) {
      spdlog::warn("--peers has {} for node {}, the cluster's log has {}; --peers is used", address,
                   node.value, before->second);
    }
    known[node] = address;
  }
  return known;
}

void TellMembers(const ClusterLinks& links, const replication::Members& members) {
  Greeting self = links.founding->self();
  self.voters = replication::EncodeVoters(members.voters, members.addresses);
  links.founding->SetSelf(std::move(self));
  std::string text;
  for (const auto& voter : members.voters) text += ' ' + std::to_string(voter.node.value);
  spdlog::info("voters of the cluster:{}", text);
}

Result<ClusterLinks> ListenForNodes(const MomdConfig& config, const PeerAddresses& peers,
                                    std::function<bool()> admits) {
  ClusterLinks links;
  links.peers = peers;
  std::set<NodeId> nodes;
  for (const auto& [node, address] : peers) nodes.insert(node);
  const std::string text = PeersText(peers);
  // Without a disk a greeting is none: who asks before FindCluster asks again.
  const Greeting nobody{NodeId{config.node_id}, {}, {}, {}, text, {}};
  links.founding = std::make_unique<replication::Founding>(nobody, nodes);
  links.router = std::make_unique<replication::PeerRouter>(
      [founding = links.founding.get(), text](const Greeting& from) {
        founding->OnGreeting(from);
        if (!from.peers.empty() && !text.empty() && from.peers != text) {
          spdlog::warn("node {} was started with other --peers: {} there, {} here", from.node.value,
                       from.peers, text);
        }
        return founding->self();
      });
  auto transport = MakeTransport(config, std::move(admits));
  if (!transport.ok()) return transport.status();
  links.transport = *std::move(transport);
  links.transport->SetAddresses(peers);
  MOM_RETURN_IF_ERROR(
      links.transport->Start(links.router.get()).Annotate("--grpc-listen " + config.grpc_listen));
  return links;
}

Status FindCluster(const std::vector<std::string>& seeds, const StartWait& wait, ClusterLinks* links,
                   replication::DataDir* data) {
  links->founding->SetSelf(GreetingOf(*data, links->peers));
  if (data->identity.cluster.empty()) {
    MOM_RETURN_IF_ERROR(seeds.empty() ? Found(links, data, wait) : Join(links, seeds, data, wait));
    links->founding->SetSelf(GreetingOf(*data, links->peers));
    GreetAll(links, links->founding->self());
  }
  links->transport->SetIdentity({data->identity.cluster, data->identity.node, data->identity.disk});
  return Status();
}

}  // namespace mom::infra
