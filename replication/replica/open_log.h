// Opening the log of a replica: finishes what a crash interrupted, and puts a damaged log aside.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/base/result.h"
#include "core/broker/broker.h"
#include "core/quorum/events.h"
#include "replication/replica/members.h"
#include "wal/env.h"
#include "wal/hard_state.h"
#include "wal/identity.h"
#include "wal/wal.h"

namespace mom::replication {

struct OpenLogOptions {
  wal::Env* env = nullptr;  // Not owned.
  std::string dir;          // The data folder; the log is in its folder "log".
  wal::WalOptions wal;      // log_id and may_create are set here.
  wal::Identity identity;
  wal::HardState hard_state;
  // There are other replicas to take the entries from again. Else damage is refused.
  bool may_repair = false;
};

struct OpenedLog {
  std::unique_ptr<wal::Wal> wal;
  wal::RecoveryReport report;
  bool damaged = false;  // It lacks entries that this disk once acknowledged.
  std::string note;      // What was repaired, for a person; empty when nothing.
};

// Carries an interrupted installation to its end, on an open log: the log begins at the snapshot, its view is
// the one in use. Crashes in between are finished by the next call. Ok when no installation is under way.
Status FinishInstallation(wal::Env* env, const std::string& dir, wal::Wal* wal);

// Opens or creates the log of a node whose view stands at `view`. REQUIRES: FinishInstallation's mark, if
// there is one, was looked at when the view was chosen: see ViewToOpen.
Result<OpenedLog> OpenLog(const OpenLogOptions& options, const broker::AppliedState& view);

// The folder with the view to open: that of an installation under way, else the one in use.
Result<std::string> ViewToOpen(wal::Env* env, const std::string& dir);

// What the folder tells the protocol. `view_voters` is the value under keys::Voters(), if there is one.
// `seed` is of the jitter. kCorruption: entries say what no correct replica wrote.
Result<quorum::Restored> RestoreFrom(const OpenLogOptions& options, const OpenedLog& log,
                                     const broker::AppliedState& view,
                                     const std::optional<std::string>& view_voters, uint64_t seed);

// Where nodes were reached when the folder last heard of it; also of nodes that have left since.
Result<PeerAddresses> LastAddresses(const OpenLogOptions& options, const OpenedLog& log,
                                    const std::optional<std::string>& view_voters);

}  // namespace mom::replication
