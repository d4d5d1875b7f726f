// Workload: decides what each connection sends next and understands the answers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "bench/checker.h"
#include "bench/message_scan.h"
#include "bench/recorder.h"

namespace mom::bench {

// What one connection keeps between a request and its answer.
struct Slot {
  int id = 0;
  Kind kind = Kind::kEmpty;
  std::string request;   // Bytes to send.
  size_t body_at = 0;    // Where the body begins in `request`.
  uint64_t first = 0;    // Number of the first payload that the request carries.
  uint64_t count = 0;    // Messages that the request carries.
  std::string receipts;  // JSON strings, comma-separated: taken and not yet acknowledged.
  ReceivedMessages scanned;
};

// Not thread-safe; used by one Driver.
class Workload {
 public:
  virtual ~Workload() = default;
  // Fills slot->request, kind and numbers. False: nothing more to do for this slot. `ending`: only what must
  // be finished, such as acknowledging what was taken.
  virtual bool Prepare(Slot* slot, bool ending) = 0;
  // The answer to what Prepare made; status 0 when there is none. Returns the number of messages it moved.
  virtual uint64_t Answered(Slot* slot, int status, std::string_view body) = 0;
  // Whether a status means that all is well.
  virtual bool IsExpected(int status) const { return status >= 200 && status < 300; }
  // What was wrong with answers, in one sentence; empty when nothing was. What a Checker finds is not in it.
  virtual std::string Failure() const { return {}; }
};

// Where requests go: the parts of them that do not change.
struct Target {
  std::string host;  // Value of the Host header, whichever node a connection goes to.
  std::string token;
  std::string queue;
};

// `checker` must outlive the workload. `messages_max`: 0 for no end.
std::unique_ptr<Workload> MakePublish(const Target& target, Checker* checker, uint64_t messages_max);
std::unique_ptr<Workload> MakeBatch(const Target& target, Checker* checker, uint64_t batch,
                                    uint64_t messages_max);
// Ends when the queue answers empty. `wait_ms` above zero: waits for messages and never ends by itself.
std::unique_ptr<Workload> MakeReceiveAck(const Target& target, Checker* checker, uint64_t max, int wait_ms);
// Reads the queue's state. Fails when an answer in 2xx is not about that queue.
std::unique_ptr<Workload> MakeRead(const Target& target);
// Slots with even ids publish, the others receive.
std::unique_ptr<Workload> MakeMixed(const Target& target, Checker* checker, uint64_t max);
std::unique_ptr<Workload> MakeEmpty(const Target& target, const std::string& path, uint64_t size);

}  // namespace mom::bench
