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
#include <filesystem>
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
#include "infra/momd_prepare.h"
#include "replication/replica/asio_replica.h"
#include "replication/replica/disk_budget.h"
#include "rest/api.h"
#include "rest/pistache_server.h"
#include "rest/start_gate.h"
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
  options.on_disk = [](bool nearly_full, const std::string& lacking) {
    if (nearly_full) {
      spdlog::warn("the disk is nearly full: publishing is refused until there is room, receiving goes on{}",
                   lacking.empty() ? "" : "; waiting to write " + lacking);
    } else {
      spdlog::info("the disk has room again: publishing goes on");
    }
  };
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

// Receives that may wait at this node: each holds a connection and some KiB, of which half of the descriptors
// and a sixteenth of the memory are given to them.
uint32_t WaitsOfNode() {
  constexpr uint64_t kWaitBytes = 32u << 10;
  const uint64_t memory_bytes =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t waits = std::min(DescriptorLimit() / 2, memory_bytes / 16 / kWaitBytes);
  return static_cast<uint32_t>(std::clamp<uint64_t>(waits, 64, 1'000'000));
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

// Nodes that have said nothing lately: " Not heard: node 2 (10.0.0.2:9080), node 3 (...)."
std::string WhoIsSilent(const replication::ReplicaInfo& info) {
  constexpr uint64_t kSilentMs = 3000;  // Each is asked once a second.
  std::string text;
  for (const replication::WatchedNode& node : info.nodes) {
    if (node.last_contact_ms && *node.last_contact_ms < kSilentMs) continue;
    text += (text.empty() ? " Not heard: node " : ", node ") + std::to_string(node.node.value);
    if (!node.address.empty()) text += " (" + node.address + ")";
  }
  return text.empty() ? text : text + ".";
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
         " must run and reach one another; this node serves no requests until then." + WhoIsSilent(info);
}

// The number of a signal that asked to stop meanwhile, or 0.
int WaitUntilCaughtUp(const replication::AsioReplica& replica, const sigset_t& signals,
                      rest::StartGate* gate) {
  using Clock = std::chrono::steady_clock;
  constexpr timespec kPause = {0, 2'000'000};
  auto last_report = Clock::now(), last_told = last_report - std::chrono::seconds(1);
  while (!replica.caught_up()) {
    if (const int signal_number = sigtimedwait(&signals, nullptr, &kPause); signal_number > 0) {
      return signal_number;
    }
    const auto now = Clock::now();
    if (now - last_told < std::chrono::milliseconds(100)) continue;
    last_told = now;
    const replication::ReplicaInfo info = replica.Info();
    gate->Tell(WhatIsAwaited(info), info);
    if (now - last_report < std::chrono::seconds(2)) continue;
    last_report = now;
    spdlog::info("{}", WhatIsAwaited(info));
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

// A node before it runs. Stays where it is: what runs later refers to it.
struct Opened {
  DescriptorWatch descriptors{MakeDescriptorWatchOptions()};
  std::unique_ptr<CertificateWatch> certificate;  // Null without TLS between nodes.
  StartPlan plan;
  std::unique_ptr<rest::StartGate> gate;
  std::unique_ptr<rest::HttpServer> server;
  replication::ReplicaOptions options;
  ClusterLinks links;
  std::optional<replication::DataDir> data;
};

// Tries again while the disk is full. kStopping: asked to stop meanwhile.
Status WithRoom(const StartWait& wait, const std::function<Status()>& step) {
  constexpr auto kPause = std::chrono::milliseconds(250);
  for (int tries = 0;; ++tries) {
    Status status = step();
    if (status.code() != Status::kNoSpace) return status;
    wait.tell("waiting for room on the disk: " + status.message());
    if (tries % 40 == 0)
      spdlog::warn("the disk is full; this node starts once there is room: {}", status.ToString());
    if (!wait.keep_waiting()) return Status(Status::kStopping, "asked to stop");
    std::this_thread::sleep_for(kPause);
  }
}

void UseDiskOf(const MomdConfig& config, replication::ReplicaOptions* options) {
  std::error_code error;
  const auto space = std::filesystem::space(config.data_dir, error);
  const uint64_t capacity = error ? UINT64_MAX : space.capacity;
  replication::Use(replication::BudgetFor(capacity, config.disk_free_min_mib << 20), options);
  // The log goes by whole segments.
  options->data.wal.segment_bytes =
      std::clamp<uint64_t>(options->log_retain_bytes / 4, kSegmentBytesMin, options->data.wal.segment_bytes);
}

// REST and, on a node of several, the port for the others: both answer from now on.
Status Listen(const MomdConfig& config, Opened* node) {
  node->gate = std::make_unique<rest::StartGate>(config.node_id);
  rest::HttpServerOptions options;
  options.host = node->plan.rest.host;
  options.port = node->plan.rest.port;
  options.threads = static_cast<int>(config.rest_threads);
  // Those that do not wait for messages have room beside those that do.
  options.waiting_requests_max += WaitsOfNode();
  options.admits = [node] { return node->descriptors.Admits(DescriptorUse::kClient); };
  node->server = rest::MakePistacheServer(options);
  MOM_RETURN_IF_ERROR(
      node->server->Start(node->gate->handler()).Annotate("--rest-listen " + config.rest_listen));
  if (!node->plan.is_clustered) return Status();
  auto links = ListenForNodes(config, node->plan.peers,
                              [node] { return node->descriptors.Admits(DescriptorUse::kPeer); });
  if (!links.ok()) return links.status();
  node->links = *std::move(links);
  node->options.transport = node->links.transport.get();
  node->options.on_members = [node](const replication::Members& members) {
    TellMembers(node->links, members);
  };
  return Status();
}

// The folder, now that nothing of the configuration is left to refuse but by the other nodes.
Status OpenFolder(const MomdConfig& config, const StartWait& wait, Opened* node) {
  node->options.data.clustered = node->plan.is_clustered;
  MOM_RETURN_IF_ERROR(WithRoom(wait, [node] {
    auto data = replication::LockDataDir(node->options.data);
    if (data.ok()) node->data = *std::move(data);
    return data.status();
  }));
  if (node->links.transport) {
    const Status found = FindCluster(node->plan.seeds, wait, &node->links, &*node->data);
    if (found.code() == Status::kWrongOwner) UndoFormat(node->plan, &*node->data);
    MOM_RETURN_IF_ERROR(found);
  }
  wait.tell("opening log and view");
  UseDiskOf(config, &node->options);
  MOM_RETURN_IF_ERROR(
      WithRoom(wait, [node] { return replication::OpenDataDir(node->options.data, &*node->data); }));
  if (node->links.transport)
    UseAddresses(KnownAddresses(node->plan.peers, node->data->addresses), &node->options);
  spdlog::info("node {} of cluster {}: log of {} entries in {} segments", config.node_id,
               replication::ToString(node->data->identity.cluster), node->data->report.entries,
               node->data->report.segments);
  if (!node->data->report.note.empty()) spdlog::warn("{}", node->data->report.note);
  if (!node->data->note.empty()) spdlog::warn("{}", node->data->note);
  return Status();
}

// kStopping: asked to stop while it waited for the other nodes. Else, of a refusal: nothing was changed.
Status Open(const MomdConfig& config, const StartWait& wait, Opened* node) {
  auto plan = PrepareStart(config);
  if (!plan.ok()) return plan.status();
  node->plan = *std::move(plan);
  auto certificate = WatchCertificate(config, node->plan.peers);
  if (!certificate.ok()) return certificate.status();
  node->certificate = *std::move(certificate);
  node->options = MakeReplicaOptions(config);
  MOM_RETURN_IF_ERROR(Listen(config, node));
  return OpenFolder(config, wait, node);
}

// Pistache's own teardown can hang: everything of ours is closed, and the system does the rest.
[[noreturn]] void Leave(int code) {
  spdlog::shutdown();
  _exit(code);
}

// What the replica leads to goes first.
[[noreturn]] void Close(Opened* node, replication::AsioReplica* replica, int code) {
  if (node->links.transport) node->links.transport->Stop();
  replica->Stop();
  if (code == 0) spdlog::info("stopped");
  Leave(code);
}

// Serves until a signal.
[[noreturn]] void Serve(const MomdConfig& config, const sigset_t& signals, Opened* node,
                        replication::AsioReplica* replica, rest::Api* api) {
  const ClusterLinks& links = node->links;
  const HostPort& listen = node->plan.rest;
  node->gate->Open(api->handler());
  replica->SetRestAddress(
      AdvertisedRest(listen, node->server->port(), replica->Info().addresses, NodeId{config.node_id}));
  const std::string grpc = links.transport ? links.transport->listening() : config.grpc_listen;
  std::printf("ready rest=%s:%u grpc=%s\n", listen.host.c_str(), node->server->port(), grpc.c_str());
  std::fflush(stdout);

  int signal_number = 0;
  sigwait(&signals, &signal_number);
  spdlog::info("stopping (signal {})", signal_number);
  ForceExitLater();
  api->Stop();
  node->server->Stop(kDrainMs);
  replica->Resign();
  Close(node, replica, 0);
}

[[noreturn]] void Run(const MomdConfig& config, const sigset_t& signals) {
  Opened node;
  StartWait wait;
  wait.keep_waiting = [&signals] {
    constexpr timespec kNow = {0, 0};
    return sigtimedwait(&signals, nullptr, &kNow) <= 0;
  };
  wait.tell = [&node](const std::string& waits_for) { node.gate->Tell(waits_for); };
  if (Status status = Open(config, wait, &node); !status.ok())
    Leave(status.code() == Status::kStopping ? 0 : Refuse(status));
  replication::AsioReplica replica(*std::move(node.data), node.options);
  if (node.links.router) node.links.router->SetReplica(replica.peer_handler());
  rest::ApiOptions api_options;
  api_options.node_id = config.node_id;
  api_options.registration_open = config.registration == "open";
  api_options.trusted_proxies = node.plan.trusted_proxies;
  api_options.waiting.per_user_max = config.waits_per_user_max;
  api_options.waiting.per_node_max = WaitsOfNode();
  api_options.on_cluster_change = [](const std::string& line) { spdlog::info("{}", line); };
  if (node.certificate) api_options.certificate_days_left = [&node] { return DaysLeft(*node.certificate); };
  rest::Api api(&replica, api_options);
  replica.Start();
  if (const int signal_number = WaitUntilCaughtUp(replica, signals, node.gate.get()); signal_number != 0) {
    spdlog::info("stopping (signal {}) before the whole log was applied; the next start goes on",
                 signal_number);
    ForceExitLater();
    Close(&node, &replica, 0);
  }
  const AdminPassword password{[&config] { return ConfiguredPassword(config, false); }, config.data_dir};
  Status admin = EnsureAdmin(&replica, password, wait.keep_waiting, wait.tell);
  if (!admin.ok()) Close(&node, &replica, admin.code() == Status::kStopping ? 0 : Refuse(admin));
  Serve(config, signals, &node, &replica, &api);
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
  for (const std::string& warning : parsed.warnings) spdlog::warn("{}", warning);
  mom::infra::Run(*parsed.config, signals);
}
