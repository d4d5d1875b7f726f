// NaiveModel: the rules of docs/api told a second time, in the plainest way: lists that are scanned, no
// index, no counter, no bound. The broker must give the same answers and hold the same messages.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/broker/view.h"
#include "mom/v1/commands.pb.h"

namespace mom::broker::test {

inline constexpr int64_t kYearMs = 366LL * 24 * 3600 * 1000;
bool GoodName(const std::string& name);

enum class Where { kReady, kDelayed, kLeased, kDead };

// A message in one queue.
struct NaiveItem {
  uint64_t id = 0;
  std::shared_ptr<const v1::Envelope> letter;
  Where where = Where::kReady;
  uint32_t attempt = 0;
  int64_t expires_ms = 0;
  bool expiry_seen = false;   // A clock entry came by after `expires_ms` while it was leased.
  int64_t not_before_ms = 0;  // A delay that has not run out; of a waiting one too.
  int64_t lease_until_ms = 0;
  uint64_t lease = 0;
  std::string holder;
  bool came_back = false;
  uint32_t hops = 0;
  uint32_t idle_hops = 0;
  std::string reason;
};

using NaiveDedup = std::map<std::string, std::pair<uint64_t, int64_t>>;  // To first id and end of the window.

struct NaiveQueue {
  uint64_t id = 0;
  std::string owner;
  v1::QueueSettings settings;
  std::string lost_dead_letter;
  std::vector<NaiveItem> items;           // By id.
  std::map<std::string, uint64_t> turns;  // Group to the one message of it that may move.
  NaiveDedup dedup;
};

struct NaiveTopic {
  uint64_t id = 0;
  std::string owner;
  std::set<std::string> publishers;
  bool anyone = false;
  NaiveDedup dedup;
};

struct NaiveUser {
  uint64_t revision = 0;
  bool admin = false;
  int64_t created_ms = 0;
};

struct NaiveSession {
  std::string user;
  int64_t expires_ms = 0;
  uint64_t id = 0;
  std::string address;
};

struct NaiveSubscription {
  std::string user, topic, pattern, queue;
};

struct NaiveKey {
  uint64_t request_hash = 0;
  int64_t created_ms = 0;
  v1::Reply reply;
};

// A message that was acknowledged.
struct NaiveSettled {
  int64_t minute = 0;
  uint64_t queue_id = 0, id = 0, lease = 0;
  std::string user;
};

// What a command may answer: with `errors` one of them, else exactly `reply`.
struct Expected {
  std::set<int> errors;
  v1::Reply reply;
};

class NaiveModel {
 public:
  // Applies one command; what differs between `actual` and what the rules say, or nothing.
  std::string Step(const v1::Command& command, uint64_t offset, int64_t now_ms, const v1::Reply& actual);
  void Clock(uint64_t offset, int64_t now_ms);
  // What differs between the model and a view: users, sessions, topics, queues, and every message.
  std::string Compare(const MemoryView& view) const;
  // A queue may have something to receive.
  bool HasReady(const std::string& queue) const;

  std::map<std::string, NaiveUser> users;
  std::map<std::string, NaiveSession> sessions;  // By token hash.
  std::map<std::string, NaiveQueue> queues;
  std::map<std::string, NaiveTopic> topics;
  std::map<uint64_t, NaiveSubscription> subscriptions;
  std::map<std::pair<std::string, std::string>, NaiveKey> keys;
  std::vector<NaiveSettled> settled;

 private:
  Expected Run(const v1::Command& command);
  Expected Do(const v1::CreateUser& c);
  Expected Do(const v1::ChangePassword& c);
  Expected Do(const v1::DeleteUser& c);
  Expected Do(const v1::CreateSession& c);
  Expected Do(const v1::DeleteSession& c);
  Expected Do(const v1::UpdateUser& c);
  Expected Do(const v1::DeleteSessions& c);
  Expected Do(const v1::CreateQueue& c);
  Expected Do(const v1::UpdateQueue& c);
  Expected Do(const v1::DeleteQueue& c);
  Expected Do(const v1::PurgeQueue& c);
  Expected Do(const v1::Publish& c);
  Expected Do(const v1::Receive& c);
  Expected Do(const v1::Ack& c, bool held_only = false);
  Expected Do(const v1::Nack& c, bool held_only = false);
  Expected Do(const v1::Extend& c);
  Expected Do(const v1::DeleteMessage& c);
  Expected Do(const v1::Redrive& c);
  Expected Do(const v1::CreateTopic& c);
  Expected Do(const v1::DeleteTopic& c);
  Expected Do(const v1::Subscribe& c);
  Expected Do(const v1::Unsubscribe& c);
  Expected Do(const v1::Transaction& c);

  uint64_t NewPosition() { return offset_ * 4096 + positions_++; }
  bool Sees(const NaiveQueue& queue) const;
  bool MaySend(const NaiveQueue& queue, const std::string& user) const;
  // The queue, or nothing and why in `errors`.
  NaiveQueue* Visible(const std::string& name, std::set<int>* errors);
  NaiveQueue* Owned(const std::string& name, std::set<int>* errors);
  NaiveQueue* Held(const std::string& name, const std::vector<v1::Receipt>& receipts, std::set<int>* errors);
  // By the caller, under this very receipt, in this minute or the two before it.
  bool WasAcknowledged(const NaiveQueue& queue, const v1::Receipt& receipt) const;
  // Why a receipt that does not hold `item`, which may be null, is refused.
  v1::ErrorCode Unheld(const NaiveQueue& queue, const NaiveItem* item, const v1::Receipt& receipt) const;
  void CheckSettings(const std::string& name, v1::QueueSettings* settings, std::set<int>* errors) const;
  void CheckList(v1::UserList* list, std::set<int>* errors) const;
  void RemoveQueue(const std::string& name);
  void RemoveTopic(const std::string& name);
  std::set<std::string> Route(const std::string& topic) const;

  bool Waits(const NaiveQueue& queue, const NaiveItem& item) const;
  bool HasRoom(const NaiveQueue& queue, uint64_t messages, uint64_t bytes) const;
  std::vector<NaiveItem*> InOrder(NaiveQueue* queue) const;
  NaiveItem* FindItem(NaiveQueue* queue, uint64_t id) const;
  void Insert(NaiveQueue* queue, NaiveItem item, int64_t not_before_ms);
  std::string NameOf(const NaiveQueue* queue) const;
  void Settle(NaiveQueue* queue, NaiveItem* item);
  void EndTurn(NaiveQueue* queue, uint64_t id, const std::string& group);
  void Erase(NaiveQueue* queue, uint64_t id);
  // Why a message of `queue` cannot move to its dead-letter queue; empty: it can.
  std::string Hindrance(const NaiveQueue& queue, const NaiveItem& item) const;
  void MoveToDeadLetter(NaiveQueue* queue, uint64_t id, const std::string& reason);
  void Bury(NaiveQueue* queue, uint64_t id, const std::string& reason);
  void Expire(NaiveQueue* queue, uint64_t id);
  void GiveBack(NaiveQueue* queue, uint64_t id, int64_t not_before_ms, const std::string& reason);
  NaiveQueue* QueueOf(uint64_t queue_id);
  void RunDue(char kind, uint64_t queue_id, uint64_t id, int64_t due_ms);

  uint64_t offset_ = 0;
  uint64_t positions_ = 0;
  int64_t now_ms_ = 0;
  std::string user_;
  bool admin_ = false;
  bool keep_bodies_ = false;
  std::string session_;
};

}  // namespace mom::broker::test
