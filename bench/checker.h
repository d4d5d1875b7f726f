// Checker: what was sent, acknowledged and received, one byte a message; finds what is missing, doubled,
// damaged or invented.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "bench/payload.h"

namespace mom::bench {

struct CheckResult {
  uint64_t acknowledged = 0;  // Answered 2xx.
  uint64_t refused = 0;       // Answered otherwise: must not be in the queue.
  uint64_t unknown = 0;       // Never answered: may be in the queue.
  uint64_t received = 0;      // Different messages that came back.
  uint64_t missing = 0;       // Acknowledged and not received. Only known after Finish(drained = true).
  uint64_t duplicated = 0;    // Deliveries beyond the first.
  uint64_t corrupted = 0;     // Hash does not match.
  uint64_t phantom = 0;       // Of another run, never sent, or refused.

  bool ok() const { return missing == 0 && duplicated == 0 && corrupted == 0 && phantom == 0; }
};

// Not thread-safe.
class Checker {
 public:
  explicit Checker(PayloadFormat format) : format_(format) {}

  const PayloadFormat& format() const { return format_; }
  // Takes `count` numbers for messages about to be sent and returns the first.
  uint64_t Issue(uint64_t count);
  void Acknowledged(uint64_t first, uint64_t count);
  void Refused(uint64_t first, uint64_t count);
  void Received(std::string_view payload);
  uint64_t issued() const { return states_.size(); }
  // `drained`: the queue is known to be empty, so whatever did not come is missing.
  CheckResult Finish(bool drained) const;

 private:
  // Low two bits: outcome of the sending; the others: deliveries, at most kDeliveriesMax.
  enum Outcome : uint8_t { kUnknown = 0, kAcknowledged = 1, kRefused = 2 };
  static constexpr uint8_t kOneDelivery = 4;
  static constexpr uint8_t kDeliveriesMax = 63;

  void SetOutcome(uint64_t first, uint64_t count, Outcome outcome);

  PayloadFormat format_;
  std::vector<uint8_t> states_;
  uint64_t corrupted_ = 0;
  uint64_t phantom_ = 0;
};

}  // namespace mom::bench
