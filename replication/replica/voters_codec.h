// The payload of an entry of kind kVoters as bytes: the voters, and where they are reached.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/quorum/types.h"
#include "replication/replica/members.h"

namespace mom::replication {

// Addresses of others than `voters` are left out; a voter without one has none.
std::string EncodeVoters(const quorum::VoterSet& voters, const PeerAddresses& addresses = {});

// Nothing for bytes that are no valid voter set.
std::optional<Members> DecodeMembers(std::string_view bytes);
std::optional<quorum::VoterSet> DecodeVoters(std::string_view bytes);

}  // namespace mom::replication
