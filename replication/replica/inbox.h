// Inbox: where commands gather on their way to the thread of the driver.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "replication/replica/proposal.h"

namespace mom::replication {

// Thread-safe. A driver that has taken something comes back for more by itself, when what it took is on its
// way to being committed no longer; so one wake-up serves all that gather meanwhile.
class Inbox {
 public:
  // True: whoever calls must wake the driver, for it to call ReplicaDriver::DrainInbox.
  bool Add(Proposal proposal);
  bool empty() const { return size() == 0; }
  size_t size() const;
  // Add also asks for the driver when so many are there; once, and until the next Take.
  void WakeAt(size_t size);
  // For the driver: everything, in order. Nothing: the next Add wakes it again.
  std::vector<Proposal> Take();

 private:
  mutable std::mutex mutex_;
  std::vector<Proposal> proposals_;  // Guarded by mutex_, like the next two.
  bool is_awaited_ = false;          // The driver comes without being woken.
  size_t wake_at_ = 0;               // But is to be woken at this size; 0: at none.
};

}  // namespace mom::replication
