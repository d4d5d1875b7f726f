// CommitPace: how long entries take from their proposal to their commit, lately, and what follows for the
// next.
#pragma once

#include <cstddef>
#include <optional>

#include "core/base/ids.h"
#include "core/base/time.h"

namespace mom::replication {

// A value; used by one thread.
class CommitPace {
 public:
  // Not before `until`, unless so many commands are there.
  struct Linger {
    Instant until;
    size_t commands;
  };

  // `commands` with offsets below `end` were proposed. One proposal at a time is measured.
  void OnProposed(Offset end, size_t commands, Instant now);
  void OnCommitted(Offset end, Instant now);
  // Leadership was lost: what was proposed may never be committed.
  void Forget();
  // So short that commands had better wait for the commit of those before them and travel in one batch.
  // Across long distances waiting would cost more than the batch saves.
  bool IsShort() const;

  // Whether the next proposal may linger once the last one is committed.
  bool MayLinger() const;
  // How it does, from now on, with `waiting` commands there. Clients that have just been answered mostly send
  // their next command soon; without them it would have to wait for this batch's commit. REQUIRES:
  // MayLinger().
  Linger LingerFrom(Instant now, size_t waiting) const;

 private:
  struct Measured {
    Offset end;
    Instant since;
  };
  std::optional<Measured> measured_;
  int64_t mean_ns_ = 0;  // Weighted: the newest counts an eighth.
  size_t last_commands_ = 0;
};

}  // namespace mom::replication
