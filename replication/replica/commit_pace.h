// CommitPace: how long entries take from their proposal to their commit, lately.
#pragma once

#include <optional>

#include "core/base/ids.h"
#include "core/base/time.h"

namespace mom::replication {

// A value; used by one thread.
class CommitPace {
 public:
  // An entry up to `end` was proposed. One at a time is measured.
  void OnProposed(Offset end, Instant now);
  void OnCommitted(Offset end, Instant now);
  // Leadership was lost: what was proposed may never be committed.
  void Forget() { measured_.reset(); }
  // So short that commands had better wait for the commit of those before them and travel in one batch.
  // Across long distances waiting would cost more than the batch saves.
  bool IsShort() const;

 private:
  struct Measured {
    Offset end;
    Instant since;
  };
  std::optional<Measured> measured_;
  int64_t mean_ns_ = 0;  // Weighted: the newest counts an eighth.
};

}  // namespace mom::replication
