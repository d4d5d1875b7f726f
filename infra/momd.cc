// momd: puts one node together and runs it until it is told to stop.
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "infra/descriptor_watch.h"
#include "infra/momd_admin.h"
#include "infra/momd_certificate.h"
#include "infra/momd_cluster.h"
#include "infra/momd_config.h"
#include "replication/replica/asio_replica.h"
#include "rest/api.h"
#include "rest/pistache_server.h"
#include "wal/posix_env.h"

namespace mom::infra {
namespace {

constexpr int kExitRefused = 2;                  // Configuration or data: nothing was changed.
constexpr int kExitIoError = 3;                  // The disk failed: look at it before starting again.
constexpr uint64_t kSegmentBytesMin = 8u << 20;  // Room for the largest entry, and some more.
constexpr int kDrainMs = 3000;
constexpr int kStopSecondsMax = 8;

int Refuse(const Status& status) {
  spdlog::error("{}", status.ToString());
  return status.code() == Status::kIoError ? kExitIoError : kExitRefused;
}

// Secrets stay out of core files; many connections fit.
void PrepareProcess() {
#ifndef __SANITIZE_ADDRESS__  // Its search for leaks needs to trace the process.
  prctl(PR_SET_DUMPABLE, 0);
#endif
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65536);
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  signal(SIGPIPE, SIG_IGN);
}

replication::ReplicaOptions MakeReplicaOptions(const MomdConfig& config) {
  replication::ReplicaOptions options;
  options.fetch_timeout_ms = config.fetch_timeout_ms;
  options.election_timeout_ms = std::max(config.fetch_timeout_ms / 2, 50u);
  options.data.path = config.data_dir;
  options.data.node = NodeId{config.node_id};
  options.data.env = wal::PosixEnv();
  options.log_retain_bytes = config.log_retain_mib << 20;
  // The log goes by whole segments.
  options.data.wal.segment_bytes =
      std::clamp<uint64_t>(options.log_retain_bytes / 4, kSegmentBytesMin, options.data.wal.segment_bytes);
  options.disk_free_min_bytes = config.disk_free_min_mib << 20;
  options.on_snapshot = [](Offset end) {
    spdlog::info("a snapshot from another node took the place of log and view, up to offset {}", end.value);
  };
  options.version = rest::ApiOptions().version;
  options.on_leader = [self = NodeId{config.node_id}](NodeId leader, Epoch epoch) {
    if (leader == NodeId{}) {
      spdlog::info("no leader is known, in epoch {}", epoch.value);
    } else {
      spdlog::info("node {}{} leads epoch {}", leader.value, leader == self ? " (this one)" : "",
                   epoch.value);
    }
  };
  options.on_slow_sync = [last = std::chrono::steady_clock::time_point(), left_out = 0](int64_t ms) mutable {
    const auto now = std::chrono::steady_clock::now();
    if (now - last < std::chrono::seconds(10)) return void(++left_out);
    last = now;
    spdlog::warn(
        "a sync of the log took {} ms, in which no write was answered ({} more in the 10 s before): "
        "is the disk shared, failing, or too slow?",
        ms, std::exchange(left_out, 0));
  };
  options.on_snapshot_error = [](const std::string& text) { spdlog::warn("{}", text); };
  options.on_divergence = [](const std::string& text) { spdlog::critical("{}", text); };
  options.on_failure = [](const Status& status) {
    spdlog::critical("the node stops, nothing after this is acknowledged: {}", status.ToString());
    spdlog::shutdown();
    _exit(kExitIoError);
  };
  return options;
}

DescriptorWatchOptions MakeDescriptorWatchOptions() {
  DescriptorWatchOptions options;
  options.limit = DescriptorLimit();
  options.count = CountOpenDescriptors;
  options.warn = [](const std::string& text) { spdlog::warn("{}", text); };
  return options;
}

void UseAddresses(const replication::PeerAddresses& known, replication::ReplicaOptions* options) {
  options->addresses = known;
  for (const auto& [node, address] : known) {
    if (node != options->data.node) options->bootstrap.push_back(node);
  }
  options->transport->SetAddresses(known);
}

// Why this node does not serve yet. Only a leader knows what is committed beyond the view.
std::string WhatIsAwaited(const replication::ReplicaInfo& info) {
  if (info.snapshot) return replication::Describe(*info.snapshot);
  if (info.loading_snapshot) return "loading a snapshot from another node";
  if (info.applied_end < info.high_watermark) {
    return "applying the log: " + std::to_string(info.applied_end.value) + " of " +
           std::to_string(info.high_watermark.value);
  }
  std::string voters;
  for (const uint32_t voter : info.voters) voters += (voters.empty() ? "" : ", ") + std::to_string(voter);
  return "waiting for a leader: more than half of the voters " + voters +
         " must run and reach one another; this node serves no requests until then";
}

// The number of a signal that asked to stop meanwhile, or 0.
int WaitUntilCaughtUp(const replication::AsioReplica& replica, const sigset_t& signals) {
  constexpr timespec kPause = {0, 2'000'000};
  auto last_report = std::chrono::steady_clock::now();
  while (!replica.caught_up()) {
    if (const int signal_number = sigtimedwait(&signals, nullptr, &kPause); signal_number > 0) {
      return signal_number;
    }
    if (std::chrono::steady_clock::now() - last_report < std::chrono::seconds(2)) continue;
    last_report = std::chrono::steady_clock::now();
    spdlog::info("{}", WhatIsAwaited(replica.Info()));
  }
  return 0;
}

// A wedged server thread must not keep a stopped node alive.
void ForceExitLater() {
  std::thread([] {
    std::this_thread::sleep_for(std::chrono::seconds(kStopSecondsMax));
    spdlog::warn("stopping took too long; leaving now (the log is durable)");
    _exit(0);
  }).detach();
}

// A node before it runs. Stays where it is: what runs later refers to `links`.
struct Opened {
  DescriptorWatch descriptors{MakeDescriptorWatchOptions()};
  std::unique_ptr<CertificateWatch> certificate;  // Null without TLS between nodes.
  replication::ReplicaOptions options;
  ClusterLinks links;
  std::optional<replication::DataDir> data;
};

Status OpenLinked(const MomdConfig& config, const replication::PeerAddresses& peers, Opened* node) {
  if (node->data->identity.cluster.empty()) {
    return Status(Status::kWrongOwner, config.data_dir +
                                           " was made for a cluster that was never founded; start it with "
                                           "--peers or --join");
  }
  MOM_RETURN_IF_ERROR(replication::OpenDataDir(node->options.data, &*node->data));
  if (node->links.transport) UseAddresses(KnownAddresses(peers, node->data->addresses), &node->options);
  spdlog::info("node {} of cluster {}: log of {} entries in {} segments", config.node_id,
               replication::ToString(node->data->identity.cluster), node->data->report.entries,
               node->data->report.segments);
  if (!node->data->report.note.empty()) spdlog::warn("{}", node->data->report.note);
  if (!node->data->note.empty()) spdlog::warn("{}", node->data->note);
  return Status();
}

// kStopping: asked to stop while it waited for the other nodes.
Status Open(const MomdConfig& config, const std::function<bool()>& keep_waiting, Opened* node) {
  auto peers = ParsePeers(config);
  if (!peers.ok()) return peers.status();
  auto seeds = ParseSeeds(config);
  if (!seeds.ok()) return seeds.status();
  auto certificate = WatchCertificate(config, *peers);
  if (!certificate.ok()) return certificate.status();
  node->certificate = *std::move(certificate);
  node->options = MakeReplicaOptions(config);
  bool& clustered = node->options.data.clustered;
  clustered = !peers->empty() || !seeds->empty();
  auto data = replication::LockDataDir(node->options.data);
  if (!data.ok()) return data.status();
  node->data = *std::move(data);
  clustered |= IsMember(*node->data);
  if (clustered) {
    auto connected = ConnectCluster(config, *peers, *seeds, &*node->data, keep_waiting,
                                    [node] { return node->descriptors.Admits(DescriptorUse::kPeer); });
    if (!connected.ok()) return connected.status();
    node->links = *std::move(connected);
    node->options.transport = node->links.transport.get();
    node->options.on_members = [node](const replication::Members& members) {
      TellMembers(node->links, members);
    };
  }
  Status status = OpenLinked(config, *peers, node);
  if (!status.ok() && node->links.transport) node->links.transport->Stop();
  return status;
}

void Close(const ClusterLinks& links, replication::AsioReplica* replica) {
  if (links.transport) links.transport->Stop();
  replica->Stop();
  spdlog::info("stopped");
}

// Serves until a signal; does not come back from a good end.
int Serve(const MomdConfig& config, const HostPort& listen, const sigset_t& signals, Opened* node,
          replication::AsioReplica* replica, rest::Api* api) {
  const ClusterLinks& links = node->links;
  rest::HttpServerOptions http_options;
  http_options.host = listen.host;
  http_options.port = listen.port;
  http_options.threads = static_cast<int>(config.rest_threads);
  http_options.admits = [node] { return node->descriptors.Admits(DescriptorUse::kClient); };
  auto server = rest::MakePistacheServer(http_options);
  if (Status status = server->Start(api->handler()); !status.ok()) return Refuse(status);
  replica->SetRestAddress(
      AdvertisedRest(listen, server->port(), replica->Info().addresses, NodeId{config.node_id}));
  const std::string grpc = links.transport ? links.transport->listening() : config.grpc_listen;
  std::printf("ready rest=%s:%u grpc=%s\n", listen.host.c_str(), server->port(), grpc.c_str());
  std::fflush(stdout);

  int signal_number = 0;
  sigwait(&signals, &signal_number);
  spdlog::info("stopping (signal {})", signal_number);
  ForceExitLater();
  api->Stop();
  server->Stop(kDrainMs);
  replica->Resign();
  Close(links, replica);
  spdlog::shutdown();
  _exit(0);  // Pistache's own teardown can hang; everything of ours is closed.
}

int Run(const MomdConfig& config, const sigset_t& signals) {
  auto listen = ParseHostPort(config.rest_listen);
  if (!listen.ok()) return Refuse(listen.status().Annotate("--rest-listen"));
  const auto keep_waiting = [&signals] {
    constexpr timespec kNow = {0, 0};
    return sigtimedwait(&signals, nullptr, &kNow) <= 0;
  };
  Opened node;
  if (Status status = Open(config, keep_waiting, &node); !status.ok())
    return status.code() == Status::kStopping ? 0 : Refuse(status);
  replication::AsioReplica replica(*std::move(node.data), node.options);
  if (node.links.router) node.links.router->SetReplica(replica.peer_handler());
  rest::ApiOptions api_options;
  api_options.node_id = config.node_id;
  api_options.registration_open = config.registration == "open";
  api_options.on_cluster_change = [](const std::string& line) { spdlog::info("{}", line); };
  if (node.certificate) api_options.certificate_days_left = [&node] { return DaysLeft(*node.certificate); };
  rest::Api api(&replica, api_options);
  replica.Start();
  if (const int signal_number = WaitUntilCaughtUp(replica, signals); signal_number != 0) {
    spdlog::info("stopping (signal {}) before the whole log was applied; the next start goes on",
                 signal_number);
    ForceExitLater();
    Close(node.links, &replica);
    return 0;
  }
  Status admin = EnsureAdmin(&replica, config.data_dir, config.admin_password_file, keep_waiting);
  if (!admin.ok()) {
    Close(node.links, &replica);
    return admin.code() == Status::kStopping ? 0 : Refuse(admin);
  }
  return Serve(config, *listen, signals, &node, &replica, &api);
}

}  // namespace
}  // namespace mom::infra

int main(int argc, char** argv) {
  const auto parsed = mom::infra::ParseArguments(argc, argv);
  if (!parsed.config) return parsed.exit_code;
  spdlog::set_default_logger(spdlog::stderr_color_mt("momd"));
  spdlog::set_level(spdlog::level::from_str(parsed.config->log_level));
  mom::infra::PrepareProcess();
  mom::infra::RouteGrpcLog();
  if (sodium_init() < 0) {
    spdlog::error("libsodium cannot be initialised");
    return mom::infra::kExitRefused;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // Before any thread: all inherit it.
  return mom::infra::Run(*parsed.config, signals);
}
