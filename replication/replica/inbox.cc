#include "replication/replica/inbox.h"

#include <utility>

namespace mom::replication {

bool Inbox::Add(Proposal proposal) {
  std::lock_guard lock(mutex_);
  proposals_.push_back(std::move(proposal));
  return !std::exchange(is_awaited_, true);
}

bool Inbox::empty() const {
  std::lock_guard lock(mutex_);
  return proposals_.empty();
}

std::vector<Proposal> Inbox::Take() {
  std::vector<Proposal> taken;
  std::lock_guard lock(mutex_);
  taken.swap(proposals_);
  is_awaited_ = !taken.empty();
  return taken;
}

}  // namespace mom::replication
