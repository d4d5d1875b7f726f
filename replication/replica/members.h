// Members: who counts in a cluster, and how nodes reach each other.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "core/quorum/types.h"

namespace mom::replication {

// Where nodes listen for each other: "127.0.0.1:9081". May name nodes that are no voters.
using PeerAddresses = std::map<NodeId, std::string>;

inline constexpr size_t kAddressBytesMax = 261;  // A DNS name, a colon, a port.

struct Members {
  quorum::VoterSet voters;
  PeerAddresses addresses;
};

// Visible ASCII, not too long. Empty: unknown.
inline bool IsAddressText(std::string_view text) {
  if (text.size() > kAddressBytesMax) return false;
  for (const char c : text) {
    if (c <= ' ' || c > '~') return false;
  }
  return true;
}

}  // namespace mom::replication
