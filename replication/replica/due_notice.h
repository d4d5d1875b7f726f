// DueNotice: when the next timer of the view is due, on its way from who applies to the driver.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "core/base/time.h"
#include "replication/replica/ports.h"

namespace mom::replication {

class ReplicaDriver;

// Thread-safe, but one caller of Tell at a time. Both must outlive it, and it the tasks of `runtime`.
class DueNotice {
 public:
  DueNotice(RuntimePort* runtime, ReplicaDriver* driver) : runtime_(runtime), driver_(driver) {}

  // Empty: there is no timer. Costs little when it is the same as before, as after most batches. What the
  // driver learns is the newest value when it learns it: notices that were on their way when a snapshot took
  // the place of the view say nothing of the old one.
  void Tell(std::optional<Timestamp> due);

 private:
  static constexpr int64_t kNothing = INT64_MAX;

  RuntimePort* const runtime_;
  ReplicaDriver* const driver_;
  std::atomic<int64_t> due_ms_{kNothing};
};

}  // namespace mom::replication
