// FullTimers: nothing stays due while somebody leads (T1). Looks at the leaders' views from outside, so that
// looking wakes nobody.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "tests/sim/full/full_world.h"

namespace mom::sim {

// Not thread-safe.
class FullTimers {
 public:
  explicit FullTimers(FullWorld* world);

  // Looks again and again from now on.
  void Start();
  // Whether a leader's view holds nothing that is due within the next hour.
  bool none_soon() const;

 private:
  // The first timer of a leader's view, which is due.
  struct Due {
    uint32_t life = 0;
    Epoch epoch;
    std::string timer;
    int64_t since = 0;
    std::optional<Offset> until;  // What the log held when it had been due for long.
  };

  void Look(const FullNode& node);

  FullWorld* const world_;
  const int64_t patience_ns_;
  std::map<uint32_t, Due> due_;  // By node.
};

}  // namespace mom::sim
