// What momd makes sure of before it changes anything: a start that is refused (exit code 2) leaves no trace.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "infra/momd_config.h"
#include "replication/replica/data_dir.h"
#include "replication/replica/members.h"
#include "rest/client_address.h"

namespace mom::infra {

// What the configuration and the folder say, checked together.
struct StartPlan {
  HostPort rest;
  replication::PeerAddresses peers;
  std::vector<std::string> seeds;
  replication::DataDirLook folder;
  rest::AddressSet trusted_proxies;
  bool is_clustered = false;  // Talks to other nodes.
};

// Everything that can be checked without an open port: addresses, --peers and --join, the administrator's
// password where it will be needed, the data folder. Creates and changes nothing.
Result<StartPlan> PrepareStart(const MomdConfig& config);

// The configuration's password for the first administrator; see admin_password.h.
Result<std::optional<std::string>> ConfiguredPassword(const MomdConfig& config, bool warns);

// Takes back what LockDataDir made in this run, for a start that is refused behind it. The node has voted
// for nothing and stored nothing by then.
void UndoFormat(const StartPlan& plan, replication::DataDir* data);

}  // namespace mom::infra
