// Certificates of nodes: what their files say, and whether a node can work with its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/ids.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "replication/transport/transport_options.h"

namespace mom::replication {

// The 3 of "node-3" and "node-3.mom.example"; nothing of all else.
std::optional<uint32_t> NodeNamedBy(std::string_view name);

struct NodeCertificate {
  Timestamp until;          // It is valid before this.
  std::string fingerprint;  // SHA-256 in hexadecimal digits: another certificate has another one.
};

// Reads all three files and checks what the other nodes will: that the key belongs to the certificate, that
// the authority has signed it, that it is valid at `now`, names `node`, and names `host`, by which the others
// reach this node (empty: not known yet, not checked). kInvalidArgument: one line that names the file and
// what to do. Reads files; any thread.
Result<NodeCertificate> CheckNodeCertificate(const TlsFiles& files, NodeId node, const std::string& host,
                                             Timestamp now);

}  // namespace mom::replication
