#include "bench/checker.h"

#include "core/base/check.h"

namespace mom::bench {

uint64_t Checker::Issue(uint64_t count) {
  const uint64_t first = states_.size();
  states_.resize(first + count, kUnknown);
  return first;
}

void Checker::Acknowledged(uint64_t first, uint64_t count) {
  SetOutcome(first, count, kAcknowledged);
}

void Checker::Refused(uint64_t first, uint64_t count) {
  SetOutcome(first, count, kRefused);
}

void Checker::SetOutcome(uint64_t first, uint64_t count, Outcome outcome) {
  MOM_CHECK(first + count <= states_.size(), first, count, states_.size());
  for (uint64_t i = first; i < first + count; ++i) states_[i] = static_cast<uint8_t>(states_[i] | outcome);
}

void Checker::Received(std::string_view payload) {
  uint64_t number = 0;
  switch (format_.Read(payload, &number)) {
    case PayloadVerdict::kCorrupted:
      ++corrupted_;
      return;
    case PayloadVerdict::kForeign:
      ++phantom_;
      return;
    case PayloadVerdict::kOk:
      break;
  }
  if (number >= states_.size()) {
    ++phantom_;
    return;
  }
  uint8_t& state = states_[number];
  if (state / kOneDelivery < kDeliveriesMax) state = static_cast<uint8_t>(state + kOneDelivery);
}

CheckResult Checker::Finish(bool drained) const {
  CheckResult result;
  result.corrupted = corrupted_;
  result.phantom = phantom_;
  for (const uint8_t state : states_) {
    const int outcome = state % kOneDelivery;
    const uint64_t deliveries = state / kOneDelivery;
    if (outcome == kAcknowledged) ++result.acknowledged;
    if (outcome == kRefused) ++result.refused;
    if (outcome == kUnknown) ++result.unknown;
    if (deliveries > 0) ++result.received;
    if (deliveries > 1) result.duplicated += deliveries - 1;
    if (deliveries > 0 && outcome == kRefused) ++result.phantom;
    if (deliveries == 0 && outcome == kAcknowledged && drained) ++result.missing;
  }
  return result;
}

}  // namespace mom::bench
