// C7: deletion of queues.
#include <algorithm>

#include "tests/cluster/check_index.h"

namespace mom::cluster {
namespace {

// What is known of one queue name, in log order.
struct Life {
  std::vector<std::pair<uint64_t, const Operation*>> changes;    // Sure creations and deletions.
  std::vector<std::pair<uint64_t, const Operation*>> deletions;  // Those alone.
  std::vector<const Operation*> uses;                            // Sure entries on it.
  std::vector<const Message*> messages;
  bool is_uncertain = false;  // A creation of unknown outcome, a purge, or answers that nobody saw.
};

bool IsDeletion(const Operation& operation) {
  return operation.invoke->action == Action::kDeleteQueue;
}

std::map<std::string_view, Life> FindLives(const Index& index) {
  std::map<std::string_view, Life> lives;
  for (const Request& request : index.requests()) {
    const Operation& first = request.first_ok == nullptr ? *request.tries.front() : *request.first_ok;
    const Event& invoke = *first.invoke;
    if (invoke.queue.empty() || request.refused) continue;
    Life& life = lives[invoke.queue];
    const bool is_change = invoke.action == Action::kCreateQueue || IsDeletion(first);
    const bool takes_unseen = invoke.action == Action::kPurge ||
                              (invoke.action == Action::kReceive && invoke.automatic && !first.ok());
    if (takes_unseen || (invoke.action == Action::kCreateQueue && !first.ok())) life.is_uncertain = true;
    if (!first.ok() || first.offset() == kNone) continue;
    if (is_change) {
      life.changes.emplace_back(first.offset(), &first);
      if (IsDeletion(first)) life.deletions.emplace_back(first.offset(), &first);
    } else {
      life.uses.push_back(&first);
    }
  }
  for (const auto& [payload, message] : index.messages()) lives[message.queue].messages.push_back(&message);
  for (auto& [queue, life] : lives) {
    std::sort(life.changes.begin(), life.changes.end());
    std::sort(life.deletions.begin(), life.deletions.end());
  }
  return lives;
}

// The newest change before `offset`; null: none.
const Operation* ChangeBefore(const Life& life, uint64_t offset) {
  const auto next = std::lower_bound(life.changes.begin(), life.changes.end(), offset,
                                     [](const auto& change, uint64_t at) { return change.first < at; });
  return next == life.changes.begin() ? nullptr : std::prev(next)->second;
}

bool MayBeTakenBefore(const Message& message, uint64_t offset) {
  const auto ends = [offset](const Settlement& one) {
    return !one.refused && (one.operation->offset() == kNone || one.operation->offset() < offset);
  };
  const auto& deliveries = message.deliveries;
  return std::any_of(message.acks.begin(), message.acks.end(), ends) ||
         std::any_of(message.removals.begin(), message.removals.end(), ends) ||
         std::any_of(deliveries.begin(), deliveries.end(),
                     [offset](const auto& d) { return d.automatic && d.offset < offset; });
}

void CheckMessage(const Life& life, const Message& message, Report* report) {
  if (message.ok() == nullptr || message.ok()->offset() == kNone) return;
  const uint64_t sent = message.ok()->offset();
  const auto next = std::lower_bound(life.deletions.begin(), life.deletions.end(), sent,
                                     [](const auto& deletion, uint64_t at) { return deletion.first < at; });
  if (next == life.deletions.end()) return;
  const std::string what = "message " + Hex(message.payload) + " of " + std::string(message.queue);
  if (!life.is_uncertain && !MayBeTakenBefore(message, next->first))
    report->Add("C7", what + " was in the queue when " + Describe(*next->second) + " was done");
  for (const Delivery& delivery : message.deliveries) {
    if (delivery.offset > next->first)
      report->Add("C7", what + " was delivered at offset " + std::to_string(delivery.offset) + " after " +
                            Describe(*next->second));
  }
}

}  // namespace

void CheckDeletions(const Index& index, Report* report) {
  for (const auto& [queue, life] : FindLives(index)) {
    if (life.changes.empty()) continue;
    const Operation* made = nullptr;
    for (const auto& [offset, change] : life.changes) {
      if (!IsDeletion(*change)) {
        made = change;
        continue;
      }
      if (made != nullptr && made->invoke->user != change->invoke->user)
        report->Add("C7", Describe(*change) + " was done by " + change->invoke->user + ", not by the owner " +
                              made->invoke->user);
    }
    for (const Operation* use : life.uses) {
      const Operation* last = ChangeBefore(life, use->offset());
      if (last != nullptr && IsDeletion(*last) && !life.is_uncertain)
        report->Add("C7", Describe(*use) + " was done after " + Describe(*last));
    }
    for (const Message* message : life.messages) CheckMessage(life, *message, report);
  }
}

}  // namespace mom::cluster
