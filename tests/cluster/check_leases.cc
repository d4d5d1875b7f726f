// C5: a lease is exclusive.
#include <algorithm>

#include "tests/cluster/check_index.h"

namespace mom::cluster {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;

std::string Name(const Message& message, const Delivery& delivery) {
  return "message " + Hex(message.payload) + " of " + std::string(message.queue) + ", leased to " +
         std::string(delivery.client) + " at offset " + std::to_string(delivery.offset);
}

// Whether the lease of `held` may have ended before `next` took the message.
bool MayHaveEnded(const Message& message, const Delivery& held, const Delivery& next, uint64_t slack_ns) {
  for (const Settlement& nack : message.nacks) {
    if (nack.lease == held.item.lease && !nack.refused && nack.operation->begin < next.end) return true;
  }
  uint64_t begin = held.begin, length_ms = held.lease_ms, newest = 0;
  for (const Settlement& extend : message.extends) {
    if (extend.lease != held.item.lease || extend.refused || extend.operation->begin > next.end) continue;
    const uint64_t offset = extend.operation->offset();
    if (!extend.operation->ok() || offset == kNone) {
      // Whether it counted is not known, and it may have shortened the lease.
      length_ms = std::min(length_ms, extend.operation->invoke->lease_ms);
    } else if (offset < next.offset && offset >= newest) {
      newest = offset;
      begin = extend.operation->begin;
      length_ms = extend.operation->invoke->lease_ms;
    }
  }
  return next.end + slack_ns >= begin + length_ms * kNsPerMs;
}

// Whether the message may have been acknowledged under the same lease before `offset`, so that this one is a
// repeat and no error.
bool MayBeRepeat(const Message& message, const Settlement& late, uint64_t offset) {
  return std::any_of(message.acks.begin(), message.acks.end(), [&](const Settlement& one) {
    if (&one == &late || one.refused || one.lease != late.lease) return false;
    return !one.operation->ok() || one.operation->offset() == kNone || one.operation->offset() < offset;
  });
}

// Receipts of leases that are over must have been refused.
void CheckReceipts(const Message& message, const std::vector<Settlement>& receipts, bool repeats_are_done,
                   Report* report) {
  for (const Settlement& receipt : receipts) {
    const uint64_t offset = receipt.operation->offset();
    if (!receipt.operation->ok() || receipt.refused || offset == kNone) continue;
    const Delivery* holder = nullptr;  // The newest before the receipt was used.
    for (const Delivery& delivery : message.deliveries) {
      if (delivery.offset < offset && !delivery.automatic) holder = &delivery;
    }
    if (holder == nullptr || holder->item.lease <= receipt.lease) continue;
    if (repeats_are_done && MayBeRepeat(message, receipt, offset)) continue;
    report->Add("C5", Name(message, *holder) + ": " + Describe(*receipt.operation) +
                          " was accepted with the older lease " + Hex(receipt.lease));
  }
}

}  // namespace

void CheckLeases(const Index& index, const CheckOptions& options, Report* report) {
  std::unordered_map<uint64_t, const Request*> given_by;
  for (const auto& [payload, message] : index.messages()) {
    const Delivery* held = nullptr;
    for (const Delivery& delivery : message.deliveries) {
      if (!delivery.automatic) {
        const auto [at, is_new] = given_by.emplace(delivery.item.lease, delivery.request);
        if (!is_new && at->second != delivery.request)
          report->Add("C5", Name(message, delivery) + ": the fencing number " + Hex(delivery.item.lease) +
                                " was given before");
      }
      if (held != nullptr) {
        const std::string what = Name(message, *held) + ", went to " + std::string(delivery.client) +
                                 " at offset " + std::to_string(delivery.offset);
        if (!delivery.automatic && delivery.item.lease <= held->item.lease)
          report->Add("C5", what + " with a fencing number that is not larger");
        if (!MayHaveEnded(message, *held, delivery, options.lease_slack_ms * kNsPerMs))
          report->Add("C5", what + " before the lease was over");
      }
      held = delivery.automatic ? nullptr : &delivery;
    }
    CheckReceipts(message, message.acks, true, report);
    CheckReceipts(message, message.nacks, false, report);
    CheckReceipts(message, message.extends, false, report);
  }
}

}  // namespace mom::cluster
