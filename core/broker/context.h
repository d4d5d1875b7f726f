// Context: what one command sees and changes while it is applied.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/base/check.h"
#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/broker/limits.h"
#include "core/broker/revoked.h"
#include "core/broker/view.h"
#include "mom/v1/commands.pb.h"
#include "mom/v1/records.pb.h"

namespace mom::broker {

// Not thread-safe; lives for one entry or one attempt of a transaction. `view` must outlive it. Changes of
// queue states gather here and reach the view by Flush().
class Context {
 public:
  Context(ViewOverlay* view, Offset offset, Timestamp now) : view_(view), offset_(offset), now_(now) {}

  ViewOverlay* view() { return view_; }
  const ViewReader& reader() const { return *view_; }
  int64_t now_ms() const { return now_.ms; }
  Offset offset() const { return offset_; }

  std::string user;  // Who acts; empty for the node itself.
  bool admin = false;
  std::string session_hash;     // Under which `user` acts.
  bool keep_bodies = false;     // A reply must carry envelopes, because it will be given again.
  std::set<std::string> woken;  // Queues that may have something to receive now.
  Revoked revoked;

  // A number that no other call in the whole log returns; grows. Serves as id of messages, queues, leases.
  uint64_t NewPosition() {
    MOM_CHECK(next_index_ < kPositionsPerEntryMax, offset_);
    return offset_.value * kPositionsPerEntryMax + next_index_++;
  }

  // Reads and parses; damage in a stored record is a broken promise of the view and stops the node.
  template <typename Record>
  std::optional<Record> Get(std::string_view key) const {
    auto bytes = view_->Get(key);
    if (!bytes) return std::nullopt;
    Record record;
    MOM_CHECK(record.ParseFromString(*bytes), key.substr(0, 1));
    return record;
  }
  template <typename Record>
  void Put(std::string_view key, const Record& record) {
    view_->Put(key, record.SerializeAsString());
  }
  void Mark(std::string_view key) { view_->Put(key, std::string()); }
  void Delete(std::string_view key) { view_->Delete(key); }
  bool Has(std::string_view key) const { return view_->Get(key).has_value(); }

  // Counters of a queue, cached until Flush(). REQUIRES: the queue exists.
  v1::QueueState* State(uint64_t queue_id);
  void ForgetState(uint64_t queue_id) { states_.erase(queue_id); }
  // Notes that the lease ends at `due_ms`, or that nobody waits for that end any more. One timer serves all
  // messages that were leased together.
  void AddLease(int64_t due_ms, uint64_t queue_id, uint64_t lease, uint64_t message_id);
  void RemoveLease(int64_t due_ms, uint64_t queue_id, uint64_t lease, uint64_t message_id);

  // Remembers that the caller acknowledged a message under this lease, for when it is asked again.
  void Acknowledge(uint64_t queue_id, const v1::Receipt& receipt);
  // What Acknowledge() got for this lease since the last Flush(), or null.
  const v1::SettledLease* AcknowledgedNow(uint64_t lease) const;

  // Writes cached queue states, lease timers and acknowledgements into the view. Call once at the end of a
  // command that succeeded.
  void Flush();

 private:
  ViewOverlay* view_;
  Offset offset_;
  Timestamp now_;
  uint32_t next_index_ = 0;
  std::map<uint64_t, v1::QueueState> states_;
  using LeaseId = std::tuple<int64_t, uint64_t, uint64_t>;  // When it ends, queue, lease.
  std::map<LeaseId, std::set<uint64_t>> leases_;            // To the messages that it holds.
  std::map<uint64_t, v1::SettledLease> acknowledged_;       // By lease.
  // Leases under which nothing was settled before this command: what is kept of them need not be looked for.
  std::set<uint64_t> untouched_leases_;

  void FlushAcknowledged();
  std::set<uint64_t>* Lease(int64_t due_ms, uint64_t queue_id, uint64_t lease);
};

// A refusal.
v1::Reply Refuse(v1::ErrorCode error, std::string detail);

// Refuses what cannot be the name of a `what`; no error otherwise. Asked before a name reaches a key or an
// answer: names come from outside and may be of any length.
v1::Reply CheckName(std::string_view what, std::string_view name);

// Keys with `prefix`, at most `max`, in order.
std::vector<std::string> KeysWithPrefix(const ViewReader& view, std::string_view prefix, size_t max);

}  // namespace mom::broker
