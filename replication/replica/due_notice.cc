#include "replication/replica/due_notice.h"

#include "replication/replica/replica_driver.h"

namespace mom::replication {

void DueNotice::Tell(std::optional<Timestamp> due) {
  const int64_t due_ms = due ? due->ms : kNothing;
  if (due_ms_.exchange(due_ms) == due_ms) return;
  runtime_->Post([this] {
    const int64_t newest_ms = due_ms_;
    driver_->SetNextDue(newest_ms == kNothing ? std::nullopt : std::optional(Timestamp{newest_ms}));
  });
}

}  // namespace mom::replication
