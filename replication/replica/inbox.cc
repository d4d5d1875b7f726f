#include "replication/replica/inbox.h"

#include <utility>

namespace mom::replication {

bool Inbox::Add(Proposal proposal) {
  std::lock_guard lock(mutex_);
  proposals_.push_back(std::move(proposal));
  if (!std::exchange(is_awaited_, true)) return true;
  if (wake_at_ == 0 || proposals_.size() < wake_at_) return false;
  wake_at_ = 0;
  return true;
}

size_t Inbox::size() const {
  std::lock_guard lock(mutex_);
  return proposals_.size();
}

void Inbox::WakeAt(size_t size) {
  std::lock_guard lock(mutex_);
  wake_at_ = size;
}

std::vector<Proposal> Inbox::Take() {
  std::vector<Proposal> taken;
  std::lock_guard lock(mutex_);
  taken.swap(proposals_);
  wake_at_ = 0;
  is_awaited_ = !taken.empty();
  return taken;
}

}  // namespace mom::replication
