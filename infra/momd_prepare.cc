#include "infra/momd_prepare.h"

#include <spdlog/spdlog.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <system_error>

#include "infra/admin_password.h"
#include "infra/momd_cluster.h"
#include "wal/posix_env.h"

namespace mom::infra {
namespace {

Status CheckFolder(const MomdConfig& config, const StartPlan& plan) {
  const replication::DataDirLook& folder = plan.folder;
  if (!folder.has_identity) return Status();
  if (!folder.is_founded && !plan.is_clustered) {
    return Status(Status::kWrongOwner, config.data_dir +
                                           " was made for a cluster that was never founded; start it with "
                                           "--peers or --join");
  }
  if (folder.is_founded && plan.is_clustered && !folder.is_member) {
    return Status(Status::kWrongOwner,
                  config.data_dir +
                      " belongs to a node that is a cluster alone; start it without --peers and --join, "
                      "or give each node of the cluster an empty --data-dir");
  }
  return Status();
}

}  // namespace

Result<std::optional<std::string>> ConfiguredPassword(const MomdConfig& config, bool warns) {
  std::function<void(const std::string&)> warn;
  if (warns) warn = [](const std::string& text) { spdlog::warn("{}", text); };
  return GivenPassword(std::getenv("MOM_ADMIN_PASSWORD"), config.admin_password_file, warn);
}

Result<StartPlan> PrepareStart(const MomdConfig& config) {
  StartPlan plan;
  auto rest = ParseHostPort(config.rest_listen);
  if (!rest.ok()) return rest.status().Annotate("--rest-listen");
  plan.rest = *rest;
  // Also where it is not used: what is written down should be right.
  if (auto grpc = ParseHostPort(config.grpc_listen); !grpc.ok())
    return grpc.status().Annotate("--grpc-listen");
  auto proxies = rest::AddressSet::Parse(config.trusted_proxies);
  if (!proxies.ok()) return proxies.status().Annotate("--trusted-proxies");
  plan.trusted_proxies = *std::move(proxies);
  auto peers = ParsePeers(config);
  if (!peers.ok()) return peers.status();
  plan.peers = *std::move(peers);
  auto seeds = ParseSeeds(config);
  if (!seeds.ok()) return seeds.status();
  plan.seeds = *std::move(seeds);
  replication::DataDirOptions options;
  options.path = config.data_dir;
  options.node = NodeId{config.node_id};
  options.env = wal::PosixEnv();
  auto folder = replication::LookAtDataDir(options);
  if (!folder.ok()) return folder.status();
  plan.folder = *folder;
  plan.is_clustered = !plan.peers.empty() || !plan.seeds.empty();
  MOM_RETURN_IF_ERROR(CheckFolder(config, plan));
  plan.is_clustered |= plan.folder.is_member;
  // A node that is started again has its users; the file may be gone by then, as it should be.
  if (!plan.folder.is_founded) MOM_RETURN_IF_ERROR(ConfiguredPassword(config, true).status());
  return plan;
}

void UndoFormat(const StartPlan& plan, replication::DataDir* data) {
  if (!data->created || !data->identity.cluster.empty()) return;
  std::error_code ignored;
  std::filesystem::remove(data->path + "/identity", ignored);
  if (!plan.folder.has_lock_file) std::filesystem::remove(data->path + "/lock", ignored);
  if (!plan.folder.is_there) std::filesystem::remove(data->path, ignored);  // If it is empty.
}

}  // namespace mom::infra
