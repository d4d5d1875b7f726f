#include "core/broker/operations.h"

namespace mom::broker {
namespace {

int Weight(const v1::Operation& operation) {
  switch (operation.body_case()) {
    case v1::Operation::kPublish:
      return operation.publish().messages_size();
    case v1::Operation::kAck:
      return operation.ack().receipts_size();
    case v1::Operation::kNack:
      return operation.nack().receipts_size();
    case v1::Operation::BODY_NOT_SET:
      break;
  }
  return 0;
}

v1::Reply RunOne(Context* context, const v1::Operation& operation) {
  switch (operation.body_case()) {
    case v1::Operation::kPublish:
      return Run(context, operation.publish());
    case v1::Operation::kAck:
      return Run(context, operation.ack(), Receipts::kHeld);
    case v1::Operation::kNack:
      return Run(context, operation.nack(), Receipts::kHeld);
    case v1::Operation::BODY_NOT_SET:
      break;
  }
  return Refuse(v1::ERROR_MALFORMED, "an operation is publish, ack or nack");
}

// In a transaction a receipt that fails fails everything: what else it does was worked out on the strength of
// a lease, and whoever holds the message now will work it out, too.
void FailOnReceipts(v1::Reply* reply) {
  if (reply->error() || !reply->has_receipts() || reply->receipts().failed_size() == 0) return;
  *reply =
      Refuse(reply->receipts().failed(0).error(), "the lease of a receipt does not hold its message now");
}

}  // namespace

v1::Reply Run(Context* context, const v1::Transaction& command) {
  int weight = 0;
  for (const auto& operation : command.operations()) weight += Weight(operation);
  if (command.operations_size() < 1 || command.operations_size() > static_cast<int>(kBatchMessagesMax) ||
      weight > static_cast<int>(kBatchMessagesMax)) {
    return Refuse(v1::ERROR_MALFORMED,
                  "a transaction has 1 to 1000 operations, messages and receipts in all");
  }
  v1::Reply reply;
  for (int i = 0; i < command.operations_size(); ++i) {
    v1::Reply result = RunOne(context, command.operations(i));
    FailOnReceipts(&result);
    if (result.error()) {
      v1::Reply refusal =
          Refuse(v1::ERROR_TRANSACTION_FAILED,
                 "operation " + std::to_string(i) + " failed and nothing was done: " + result.detail());
      refusal.mutable_transaction()->set_failed_index(static_cast<uint32_t>(i));
      *refusal.mutable_transaction()->add_results() = std::move(result);
      return refusal;
    }
    *reply.mutable_transaction()->add_results() = std::move(result);
  }
  return reply;
}

}  // namespace mom::broker
