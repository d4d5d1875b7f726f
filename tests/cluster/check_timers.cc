// C15: what is due is delivered.
//
// A message is there to be taken from its due time on: its delay after it was sent, the end of a lease, the
// delay after it was given back. A consumer that waits and does not get it, and that is so long after the due
// time that entries of that time are in what it was answered from, shows that a timer was forgotten. Only
// time in which the cluster answered writes counts, without a change of epoch: when nobody leads nothing is
// due.
#include <algorithm>
#include <limits>
#include <optional>

#include "tests/cluster/check_index.h"

namespace mom::cluster {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kGapMaxNs = 500 * kNsPerMs;  // Between two answers, for the time between them to count.
constexpr uint64_t kUnknownNs = 30'000 * kNsPerMs;  // What got no answer may still be done for so long.
constexpr int kLooksMax = 8;                        // Answers in the same situation that are looked at.

// Times in which the same leader answered, added up.
class Calm {
 public:
  explicit Calm(const Index& index) {
    std::vector<std::pair<uint64_t, uint64_t>> answers;  // Time, epoch.
    for (const Operation& operation : index.operations()) {
      if (operation.ok() && operation.answer->epoch != kNone && !operation.answer->replayed)
        answers.emplace_back(operation.end, operation.answer->epoch);
    }
    std::sort(answers.begin(), answers.end());
    uint64_t sum = 0;
    for (size_t i = 0; i < answers.size(); ++i) {
      const bool counts = i > 0 && answers[i].second == answers[i - 1].second &&
                          answers[i].first - answers[i - 1].first <= kGapMaxNs;
      if (counts) sum += answers[i].first - answers[i - 1].first;
      times_.push_back(answers[i].first);
      sums_.push_back(sum);
    }
  }
  // How much of it there was before `ns`, but for the gap that `ns` is in.
  uint64_t Before(uint64_t ns) const {
    const auto next = std::upper_bound(times_.begin(), times_.end(), ns);
    return next == times_.begin() ? 0 : sums_[static_cast<size_t>(next - times_.begin()) - 1];
  }
  // The first time at which there were `length` of it since `ns`; kNone: never.
  uint64_t After(uint64_t ns, uint64_t length) const {
    const auto next = std::upper_bound(times_.begin(), times_.end(), ns);
    if (next == times_.end()) return kNone;
    const uint64_t from = sums_[static_cast<size_t>(next - times_.begin())];
    const auto found = std::lower_bound(sums_.begin(), sums_.end(), from + length);
    return found == sums_.end() ? kNone : times_[static_cast<size_t>(found - sums_.begin())];
  }

 private:
  std::vector<uint64_t> times_, sums_;
};

// Which offset every entry has at least that was asked for at some time or later.
class Floors {
 public:
  explicit Floors(const Index& index) {
    for (const Operation& operation : index.operations()) {
      if (!operation.ok() || operation.offset() == kNone || operation.answer->replayed) continue;
      begins_.push_back(operation.begin);
      floors_.push_back(operation.offset());
    }
    for (size_t i = floors_.size(); i > 1; --i) floors_[i - 2] = std::min(floors_[i - 2], floors_[i - 1]);
  }
  uint64_t At(uint64_t ns) const {
    const auto next = std::lower_bound(begins_.begin(), begins_.end(), ns);
    return next == begins_.end() ? kNone : floors_[static_cast<size_t>(next - begins_.begin())];
  }

 private:
  std::vector<uint64_t> begins_, floors_;
};

// An answer with less than was asked for: nothing more was there to be taken.
struct Emptied {
  uint64_t position;  // The answer shows what entries before it made.
  const Operation* receive;
};

// Of one queue.
struct Consumers {
  std::vector<Emptied> emptied;      // By position.
  std::vector<uint64_t> unknown;     // Beginnings of receives that may have taken something, ascending.
  bool is_emptied_by_force = false;  // Purged or deleted, perhaps.
};

std::map<std::string_view, Consumers> FindConsumers(const Index& index) {
  std::map<std::string_view, Consumers> all;
  for (const Request& request : index.requests()) {
    const Operation& first = request.first_ok == nullptr ? *request.tries.front() : *request.first_ok;
    const Event& invoke = *first.invoke;
    if (request.refused || invoke.queue.empty()) continue;
    Consumers& consumers = all[invoke.queue];
    if (invoke.action == Action::kPurge || invoke.action == Action::kDeleteQueue)
      consumers.is_emptied_by_force = true;
    if (invoke.action != Action::kReceive) continue;
    if (request.first_ok == nullptr) {
      consumers.unknown.push_back(request.begin);
    } else if (request.tries.size() == 1 && invoke.number != kNone &&
               first.answer->items.size() < invoke.number) {
      const uint64_t position = first.offset() != kNone ? first.offset() : first.answer->applied;
      if (position != kNone) consumers.emptied.push_back({position, &first});
    }
  }
  for (auto& [queue, consumers] : all) {
    std::sort(consumers.emptied.begin(), consumers.emptied.end(),
              [](const auto& a, const auto& b) { return a.position < b.position; });
    std::sort(consumers.unknown.begin(), consumers.unknown.end());
  }
  return all;
}

// A time in which nobody has a message, from one entry of the log to another.
struct Stretch {
  uint64_t from = 0, to = kNone;    // Offsets of what began and ended it.
  uint64_t due_ns = 0;              // At the latest.
  uint64_t known_until_ns = kNone;  // Then something of unknown outcome may have happened to it.
  const Delivery* taken = nullptr;  // By this it ended; null: otherwise, or not.
  const char* what = "";
};

void Bound(const Settlement& settlement, Stretch* stretch) {
  if (settlement.refused) return;
  if (settlement.operation->ok() && settlement.operation->offset() != kNone) return;
  stretch->known_until_ns = std::min(stretch->known_until_ns, settlement.operation->begin);
}

// Sure ends end it at their offset, those of unknown outcome at their time.
void EndWithMessage(const Message& message, Stretch* stretch) {
  for (const auto* list : {&message.acks, &message.removals}) {
    for (const Settlement& settlement : *list) {
      if (settlement.refused) continue;
      Bound(settlement, stretch);
      if (!settlement.operation->ok() || settlement.operation->offset() == kNone) continue;
      if (settlement.operation->offset() <= stretch->from) stretch->to = 0;  // It was over before.
      stretch->to = std::min(stretch->to, settlement.operation->offset());
    }
  }
}

// After a delivery: the lease as it was made longer, or the delay with which it was given back.
void SetDueAfter(const Message& message, const Delivery& held, Stretch* stretch) {
  stretch->due_ns = held.end + held.lease_ms * kNsPerMs;
  stretch->what = "its lease";
  const auto is_of = [&held](const Settlement& one) { return one.lease == held.item.lease && !one.refused; };
  for (const Settlement& extend : message.extends) {
    if (!is_of(extend)) continue;
    Bound(extend, stretch);
    if (!extend.operation->ok()) continue;
    stretch->due_ns =
        std::max(stretch->due_ns, extend.operation->end + extend.operation->invoke->lease_ms * kNsPerMs);
  }
  const Settlement* given_back = nullptr;
  for (const Settlement& nack : message.nacks) {
    if (!is_of(nack)) continue;
    Bound(nack, stretch);
    if (nack.operation->ok()) given_back = &nack;
  }
  if (given_back == nullptr) return;
  // The lease may have been over by then, and the receipt for nothing.
  const uint64_t delayed = given_back->operation->end + given_back->operation->invoke->delay_ms * kNsPerMs;
  const bool is_in_time = given_back->operation->end < held.begin + held.lease_ms * kNsPerMs;
  stretch->due_ns = is_in_time ? delayed : std::max(stretch->due_ns, delayed);
  stretch->what = "its delay after it was given back";
}

// Nobody knows what became of it after a delivery that is there for ever.
std::vector<Stretch> StretchesOf(const Message& message) {
  std::vector<Stretch> stretches;
  const Operation* sent = message.ok();
  if (sent == nullptr || sent->offset() == kNone || message.sent.size() != 1) return stretches;
  Stretch stretch;
  stretch.from = sent->offset();
  stretch.due_ns = sent->end + message.sent.front()->tries.front()->invoke->delay_ms * kNsPerMs;
  stretch.what = "its delay";
  for (size_t i = 0; i <= message.deliveries.size(); ++i) {
    const bool is_taken = i < message.deliveries.size();
    if (is_taken) {
      stretch.taken = &message.deliveries[i];
      stretch.to = stretch.taken->offset;
    }
    EndWithMessage(message, &stretch);
    if (stretch.to > stretch.from) stretches.push_back(stretch);
    if (!is_taken || message.deliveries[i].automatic) break;
    const Delivery& held = message.deliveries[i];
    stretch = Stretch();
    stretch.from = held.offset;
    SetDueAfter(message, held, &stretch);
  }
  return stretches;
}

uint64_t KnownUntil(const Stretch& stretch, const Consumers& consumers) {
  const uint64_t from = stretch.due_ns > kUnknownNs ? stretch.due_ns - kUnknownNs : 0;
  const auto unknown = std::lower_bound(consumers.unknown.begin(), consumers.unknown.end(), from);
  return std::min(stretch.known_until_ns, unknown == consumers.unknown.end() ? kNone : *unknown);
}

class TimerCheck {
 public:
  TimerCheck(const Index& index, const CheckOptions& options, Report* report)
      : calm_(index),
        floors_(index),
        consumers_(FindConsumers(index)),
        late_ns_(options.timer_slack_ms * kNsPerMs),
        report_(report) {}

  void Check(const Message& message) {
    const auto consumers = consumers_.find(message.queue);
    if (consumers == consumers_.end() || consumers->second.is_emptied_by_force) return;
    for (const Stretch& stretch : StretchesOf(message)) {
      const bool is_timed = stretch.due_ns > message.ok()->end || stretch.from != message.ok()->offset();
      if (is_timed && stretch.taken != nullptr) ++report_->verdict().timers_checked;
      CheckPassedOver(message, stretch, consumers->second);
      CheckWaiting(message, stretch);
    }
  }

 private:
  std::string Name(const Message& message, const Stretch& stretch) const {
    return "message " + Hex(message.payload) + " of " + std::string(message.queue) + ", there since " +
           stretch.what + " was over,";
  }

  // Somebody asked, got less than wanted, and not this one.
  void CheckPassedOver(const Message& message, const Stretch& stretch, const Consumers& consumers) {
    const uint64_t late = calm_.After(stretch.due_ns, late_ns_);
    const uint64_t floor = late == kNone ? kNone : floors_.At(late);
    if (floor == kNone) return;
    const uint64_t known_until = KnownUntil(stretch, consumers);
    const uint64_t from = std::max(floor, stretch.from);
    auto at = std::upper_bound(consumers.emptied.begin(), consumers.emptied.end(), from,
                               [](uint64_t value, const Emptied& one) { return value < one.position; });
    for (int i = 0; i < kLooksMax && at != consumers.emptied.end() && at->position < stretch.to; ++i, ++at) {
      if (at->receive->end >= known_until) continue;
      return report_->Add("C15", Name(message, stretch) + " was not given to " + Describe(*at->receive));
    }
  }

  // Somebody waited for it all the time, and got it late.
  void CheckWaiting(const Message& message, const Stretch& stretch) {
    if (stretch.taken == nullptr || stretch.taken->request->tries.size() != 1) return;
    const Delivery& taken = *stretch.taken;
    const uint64_t since = std::max(stretch.due_ns, taken.begin);
    if (taken.end >= stretch.known_until_ns || taken.end <= since) return;
    if (calm_.After(since, late_ns_) < taken.end)
      report_->Add("C15", Name(message, stretch) + " was given late to " +
                              Describe(*taken.request->first_ok) + ", which waited for it");
  }

  const Calm calm_;
  const Floors floors_;
  const std::map<std::string_view, Consumers> consumers_;
  const uint64_t late_ns_;
  Report* const report_;
};

}  // namespace

void CheckTimers(const Index& index, const CheckOptions& options, Report* report) {
  TimerCheck check(index, options, report);
  for (const auto& [payload, message] : index.messages()) check.Check(message);
}

}  // namespace mom::cluster
