#include "infra/momd_certificate.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>

#include "replication/replica/asio_runtime.h"
#include "replication/transport/grpc_log.h"

namespace mom::infra {

Result<std::unique_ptr<CertificateWatch>> WatchCertificate(const MomdConfig& config,
                                                           const replication::PeerAddresses& peers) {
  const replication::TlsFiles files{config.grpc_ca, config.grpc_certificate, config.grpc_key};
  if (files.empty()) return std::unique_ptr<CertificateWatch>();
  std::string host;
  if (const auto own = peers.find(NodeId{config.node_id}); own != peers.end()) {
    host = own->second.substr(0, own->second.rfind(':'));
  }
  CertificateWatchOptions options;
  options.check = [files, node = NodeId{config.node_id}, host](Timestamp now) {
    return replication::CheckNodeCertificate(files, node, host, now);
  };
  options.now = replication::WallNow;
  options.tell = [](bool is_bad, const std::string& text) {
    spdlog::log(is_bad ? spdlog::level::warn : spdlog::level::info, "{}", text);
  };
  const auto first = options.check(replication::WallNow());
  if (!first.ok()) return first.status();
  return std::make_unique<CertificateWatch>(*first, std::move(options));
}

uint64_t DaysLeft(const CertificateWatch& watch) {
  const int64_t left_ms = watch.until().ms - replication::WallNow().ms;
  return static_cast<uint64_t>(std::max<int64_t>(left_ms, 0)) / (24u * 3600 * 1000);
}

void RouteGrpcLog() {
  replication::SetGrpcLog([](replication::LogLevel, const std::string& text) { spdlog::warn("{}", text); });
}

}  // namespace mom::infra
