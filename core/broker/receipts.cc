#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/broker/access.h"
#include "core/broker/dead_letters.h"
#include "core/broker/key_walk.h"
#include "core/broker/keys.h"
#include "core/broker/message_store.h"
#include "core/broker/operations.h"
#include "core/broker/settled.h"

namespace mom::broker {
namespace {

// What a receipt still means.
enum class Claim {
  kHeld,          // The caller holds the message under this receipt.
  kCameBack,      // The lease ended by itself and nobody took the message since.
  kReturned,      // The caller gave it back under this very receipt, and nobody took it since.
  kAcknowledged,  // The caller acknowledged it under this very receipt.
  kLost,          // Somebody else holds or held it since.
  kUnknown,       // None of these, as far as is known: invented, another queue's or user's, or long over.
};

Claim Judge(const Context& context, const QueueHandle& queue, const std::optional<Located>& located,
            const v1::Receipt& receipt) {
  if (!located) {
    return WasAcknowledged(context, queue.id(), receipt) ? Claim::kAcknowledged : Claim::kUnknown;
  }
  const v1::MessageState& state = located->state;
  if (receipt.lease() < state.lease()) return Claim::kLost;
  if (receipt.lease() != state.lease() || state.receiver() != context.user) return Claim::kUnknown;
  if (located->table == keys::kLeased) return Claim::kHeld;
  return state.came_back() ? Claim::kCameBack : Claim::kReturned;
}

v1::ErrorCode ErrorOf(Claim claim) {
  return claim == Claim::kUnknown ? v1::ERROR_RECEIPT_UNKNOWN : v1::ERROR_LEASE_LOST;
}

using ReceiptList = google::protobuf::RepeatedPtrField<v1::Receipt>;

bool HoldsOrHeldAny(const Context& context, const QueueHandle& queue, const ReceiptList& receipts) {
  return std::any_of(receipts.begin(), receipts.end(), [&](const v1::Receipt& receipt) {
    auto state = context.Get<v1::MessageState>(keys::Message(keys::kLeased, queue.id(), receipt.id()));
    if (!state) return WasAcknowledged(context, queue.id(), receipt);
    return state->lease() == receipt.lease() && state->receiver() == context.user;
  });
}

// The queue if the caller may know of it, or holds messages of it or did when acknowledging them; else the
// refusal. Who lost the right to receive finishes what is held all the same.
v1::Reply FindHeldQueue(const Context& context, const std::string& name, const ReceiptList& receipts,
                        QueueHandle* found) {
  if (receipts.size() < 1 || receipts.size() > static_cast<int>(kBatchMessagesMax)) {
    return Refuse(v1::ERROR_MALFORMED, "1 to 1000 receipts are needed");
  }
  v1::Reply refusal = FindVisible(context, name, found);
  if (refusal.error() != v1::ERROR_QUEUE_NOT_FOUND) return refusal;
  auto queue = FindQueue(context, name);
  if (!queue || !HoldsOrHeldAny(context, *queue, receipts)) return refusal;
  *found = *std::move(queue);
  return v1::Reply();
}

// Finds the messages of a command's receipts one after the other. What was received together is mostly
// settled together: when there are enough receipts their messages are looked for in one walk beforehand. That
// is right because settling one held message changes nothing of another that is held.
class Finder {
 public:
  // Before anything is changed.
  Finder(Context* context, uint64_t queue_id, const ReceiptList& receipts)
      : context_(context), queue_id_(queue_id) {
    if (receipts.size() < kWalkReceiptsMin) return;
    KeyWalk leased(&context->reader());
    uint64_t last_id = 0;
    for (const v1::Receipt& receipt : receipts) {
      if (receipt.id() <= last_id) continue;  // Perhaps a repeat of one that will be gone by then.
      last_id = receipt.id();
      const auto bytes = leased.Find(keys::Message(keys::kLeased, queue_id, last_id));
      if (!bytes) continue;
      Located& found = held_.emplace_back(Located{keys::kLeased, last_id, {}});
      MOM_CHECK(found.state.ParseFromArray(bytes->data(), static_cast<int>(bytes->size())), last_id);
    }
  }

  // Each time in the order of the receipts.
  std::optional<Located> Next(const v1::Receipt& receipt) {
    if (next_ < held_.size() && held_[next_].message_id == receipt.id()) return std::move(held_[next_++]);
    return Locate(*context_, queue_id_, receipt.id());
  }

 private:
  static constexpr int kWalkReceiptsMin = 8;  // A walk costs as much as a few looks before its first step.

  Context* const context_;
  const uint64_t queue_id_;
  std::vector<Located> held_;  // Ascending, each found before it was settled.
  size_t next_ = 0;
};

void Fail(v1::ReceiptsReply* reply, const v1::Receipt& receipt, v1::ErrorCode error) {
  auto* failed = reply->add_failed();
  *failed->mutable_receipt() = receipt;
  failed->set_error(error);
}

}  // namespace

// Counts when the lease holds the message, or held it last and nobody has taken it since. A message that is
// gone for another reason (expired, moved to a dead-letter queue, settled by somebody else) was not
// acknowledged.
v1::Reply Run(Context* context, const v1::Ack& command, Receipts which) {
  QueueHandle queue;
  if (v1::Reply refusal = FindHeldQueue(*context, command.queue(), command.receipts(), &queue);
      refusal.error()) {
    return refusal;
  }
  v1::Reply reply;
  Finder finder(context, queue.id(), command.receipts());
  for (const auto& receipt : command.receipts()) {
    auto located = finder.Next(receipt);
    const Claim claim = Judge(*context, queue, located, receipt);
    const bool late = claim == Claim::kCameBack || claim == Claim::kAcknowledged;
    if (claim != Claim::kHeld && (!late || which == Receipts::kHeld)) {
      Fail(reply.mutable_receipts(), receipt, ErrorOf(claim));
      continue;
    }
    reply.mutable_receipts()->set_done(reply.receipts().done() + 1);
    if (claim == Claim::kAcknowledged) continue;
    Lift(context, queue, *located);
    Discard(context, queue, receipt.id(), located->state);
    context->Acknowledge(queue.id(), receipt);
  }
  return reply;
}

// What came back by itself is not given back once more: a delay or a reason would be promised and not kept.
v1::Reply Run(Context* context, const v1::Nack& command, Receipts which) {
  QueueHandle queue;
  if (v1::Reply refusal = FindHeldQueue(*context, command.queue(), command.receipts(), &queue);
      refusal.error()) {
    return refusal;
  }
  if (command.delay_ms() < 0 || command.delay_ms() > kDurationMsMax ||
      command.reason().size() > kReasonBytesMax) {
    return Refuse(v1::ERROR_MALFORMED, "delay_ms is out of range or reason is longer than 1024 bytes");
  }
  const int64_t delay_ms =
      command.has_delay_ms() ? command.delay_ms() : queue.record.settings().retry_delay_ms();
  v1::Reply reply;
  Finder finder(context, queue.id(), command.receipts());
  for (const auto& receipt : command.receipts()) {
    auto located = finder.Next(receipt);
    const Claim claim = Judge(*context, queue, located, receipt);
    const bool repeated = claim == Claim::kReturned && which == Receipts::kHeldOrBefore;
    if (claim != Claim::kHeld && !repeated) {
      Fail(reply.mutable_receipts(), receipt, ErrorOf(claim));
      continue;
    }
    reply.mutable_receipts()->set_done(reply.receipts().done() + 1);
    if (repeated) continue;
    Lift(context, queue, *located);
    GiveBack(context, queue, receipt.id(), located->state, delay_ms ? context->now_ms() + delay_ms : 0,
             command.reason().empty() ? "given back by the receiver" : command.reason());
  }
  return reply;
}

v1::Reply Run(Context* context, const v1::Extend& command) {
  QueueHandle queue;
  if (v1::Reply refusal = FindHeldQueue(*context, command.queue(), command.receipts(), &queue);
      refusal.error()) {
    return refusal;
  }
  if (command.lease_ms() < 1 || command.lease_ms() > kLeaseMsMax) {
    return Refuse(v1::ERROR_MALFORMED, "lease_ms is 1 ms to 12 h");
  }
  v1::Reply reply;
  Finder finder(context, queue.id(), command.receipts());
  for (const auto& receipt : command.receipts()) {
    auto located = finder.Next(receipt);
    const Claim claim = Judge(*context, queue, located, receipt);
    if (claim != Claim::kHeld) {
      Fail(reply.mutable_receipts(), receipt, ErrorOf(claim));
      continue;
    }
    Lift(context, queue, *located);
    v1::MessageState state = located->state;
    state.set_due_ms(context->now_ms() + command.lease_ms());
    PutLeased(context, queue, receipt.id(), state);
    reply.mutable_receipts()->set_done(reply.receipts().done() + 1);
  }
  return reply;
}

void ReturnLeasesOf(Context* context, const std::string& user) {
  const std::string table(1, keys::kLeased);
  std::vector<std::pair<uint64_t, Located>> held;  // With the queue's id.
  auto it = context->view()->NewIterator();
  for (it->Seek(table); it->Valid() && it->key().starts_with(table); it->Next()) {
    Located located{keys::kLeased, keys::ReadU64(it->key(), 9), {}};
    MOM_CHECK(located.state.ParseFromArray(it->value().data(), static_cast<int>(it->value().size())));
    if (located.state.receiver() == user) held.emplace_back(keys::ReadU64(it->key(), 1), std::move(located));
  }
  it.reset();
  for (auto& [queue_id, located] : held) {
    const QueueHandle queue = QueueById(*context, queue_id).value();  // A queue with messages exists.
    Lift(context, queue, located);
    located.state.set_attempt(located.state.attempt() - 1);
    located.state.clear_receiver();
    located.state.clear_lease();
    ReturnAtOnce(context, queue, located.message_id, std::move(located.state));
  }
}

}  // namespace mom::broker
