// What the checks share: the history as operations, messages and deliveries. Not for other code.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/cluster/checker.h"

namespace mom::cluster {

// An operation with its answer. One without an answer is as if it had ended never: kInfo.
struct Operation {
  const Event* invoke = nullptr;  // Never null; the answer itself for events without an invoke.
  const Event* answer = nullptr;  // Null: none came.
  uint64_t begin = 0;
  uint64_t end = kNone;  // kNone when the outcome is not known: it may happen at any later time.
  Kind outcome = Kind::kInfo;

  bool ok() const { return outcome == Kind::kOk; }
  bool may_have_happened() const { return outcome != Kind::kFail; }
  uint64_t offset() const { return answer == nullptr ? kNone : answer->offset; }
};

// Operations with one idempotency key of one user are one operation that was asked for several times.
struct Request {
  std::vector<const Operation*> tries;  // In the order of their beginnings.
  const Operation* first_ok = nullptr;  // The one that ended first.
  uint64_t begin = kNone;               // Of the first try.
  bool refused = false;                 // All tries were.
};

// One message given to one client.
struct Delivery {
  Item item;
  const Request* request = nullptr;
  size_t place = 0;  // In the answer.
  uint64_t offset = 0;
  uint64_t begin = 0;  // When it was asked for, the first time.
  uint64_t end = 0;    // When its answer came.
  uint64_t lease_ms = 0;
  bool automatic = false;
  std::string_view queue, client;
};

// Something that may end a lease, or a message.
struct Settlement {
  const Operation* operation = nullptr;
  uint64_t lease = 0;
  bool refused = false;  // This receipt was.
};

struct Message {
  uint64_t payload = 0;
  uint64_t hash = 0;
  std::string_view queue;
  std::vector<const Request*> sent;  // More than one: the payload was used again.
  size_t place = 0;                  // In its batch.
  uint64_t id = 0;                   // 0: no answer named it.
  std::vector<Delivery> deliveries;  // In log order.
  std::vector<Settlement> acks, nacks, extends, removals;

  const Operation* ok() const { return sent.empty() ? nullptr : sent.front()->first_ok; }
};

// Built once; views point into the events, which must outlive it.
class Index {
 public:
  explicit Index(const std::vector<Event>& events);

  const std::vector<Operation>& operations() const { return operations_; }
  const std::vector<Request>& requests() const { return requests_; }
  // By payload. Deliveries of payloads that nobody sent are in strays().
  const std::map<uint64_t, Message>& messages() const { return messages_; }
  const std::vector<Delivery>& strays() const { return strays_; }
  const std::vector<const Event*>& samples() const { return samples_; }
  const std::unordered_map<std::string_view, uint64_t>& drained() const { return drained_; }

 private:
  void MakeOperations(const std::vector<Event>& events);
  void MakeRequests();
  void AddSent(const Request& request);
  void AddDelivered(const Request& request);
  void AddSettled(const Operation& operation);

  std::vector<Operation> operations_;  // By beginning.
  std::vector<Request> requests_;
  std::map<uint64_t, Message> messages_;
  std::unordered_map<uint64_t, uint64_t> payload_of_id_;
  std::vector<Delivery> strays_;
  std::vector<const Event*> samples_;
  std::unordered_map<std::string_view, uint64_t> drained_;  // When the queue was seen empty.
};

// Collects violations.
class Report {
 public:
  explicit Report(Verdict* verdict) : verdict_(verdict) {}
  void Add(const char* property, std::string text);
  Verdict& verdict() { return *verdict_; }

 private:
  Verdict* const verdict_;
};

std::string Describe(const Operation& operation);
std::string Hex(uint64_t number);

void CheckLosses(const Index& index, Report* report);                               // C1
void CheckPhantoms(const Index& index, Report* report);                             // C2
void CheckRepeats(const Index& index, Report* report);                              // C3
void CheckOrder(const Index& index, Report* report);                                // C4
void CheckLeases(const Index& index, const CheckOptions& options, Report* report);  // C5
void CheckKeys(const Index& index, Report* report);                                 // C6
void CheckDeletions(const Index& index, Report* report);                            // C7
void CheckReads(const Index& index, Report* report);                                // C8
void CheckWitness(const Index& index, Report* report);                              // C9
void CheckProgress(const Index& index, Report* report);                             // C11
void CheckReplicas(const Index& index, Report* report);                             // C12
void CheckSessions(const Index& index, Report* report);                             // C13
void CheckTimers(const Index& index, const CheckOptions& options, Report* report);  // C15

}  // namespace mom::cluster
