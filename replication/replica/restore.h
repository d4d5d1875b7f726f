// What a data folder tells the protocol at the start.
#pragma once

#include "core/quorum/events.h"
#include "core/quorum/options.h"
#include "replication/replica/data_dir.h"

namespace mom::replication {

quorum::Identity IdentityOf(const DataDir& data);

// kCorruption: entries of the log say what no correct replica wrote. `seed` is of the jitter.
Result<quorum::Restored> RestoreFrom(const DataDir& data, uint64_t seed);

}  // namespace mom::replication
