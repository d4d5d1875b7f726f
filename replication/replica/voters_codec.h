// The payload of an entry of kind kVoters as bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/quorum/types.h"

namespace mom::replication {

std::string EncodeVoters(const quorum::VoterSet& voters);

// Nothing for bytes that are no valid voter set.
std::optional<quorum::VoterSet> DecodeVoters(std::string_view bytes);

}  // namespace mom::replication
