// momd's part in TLS between nodes: its own certificate, before it starts and while it runs.
#pragma once

#include <memory>

#include "core/base/result.h"
#include "infra/certificate_watch.h"
#include "infra/momd_config.h"
#include "replication/replica/members.h"

namespace mom::infra {

// Checks the three files as the other nodes will, then watches them and tells the log. `peers` say by which
// host the others reach this node. Null without a certificate. Changes nothing on disk.
Result<std::unique_ptr<CertificateWatch>> WatchCertificate(const MomdConfig& config,
                                                           const replication::PeerAddresses& peers);

// Whole days that are left; 0: none.
uint64_t DaysLeft(const CertificateWatch& watch);

// gRPC writes its errors into this program's log.
void RouteGrpcLog();

}  // namespace mom::infra
