// Harness: one broker over a view in memory, told what to do in short sentences. For tests.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/base/entry.h"
#include "core/broker/broker.h"
#include "core/broker/message_store.h"
#include "core/broker/view.h"
#include "mom/v1/commands.pb.h"

namespace mom::broker::test {

inline constexpr int64_t kStartMs = 1'700'000'000'000;

Entry CommandEntry(uint64_t offset, int64_t now_ms, const v1::Command& command);
Entry ClockEntry(uint64_t offset, int64_t now_ms);
// The token hash that user's `n`-th session has in tests: 32 bytes.
std::string TokenHash(const std::string& user, int n = 0);

// Bodies of commands.
v1::Publish ToQueue(const std::string& queue, const std::vector<std::string>& bodies);
v1::Publish ToTopic(const std::string& topic, const std::vector<std::string>& bodies);
v1::Receive Take(const std::string& queue, uint32_t max = 1);
v1::Receipt ReceiptOf(const v1::Delivery& delivery);
// All of a receive's messages.
v1::Ack AckOf(const std::string& queue, const v1::Reply& received);
v1::Nack NackOf(const std::string& queue, const v1::Reply& received);
v1::Extend ExtendOf(const std::string& queue, const v1::Reply& received, int64_t lease_ms);
v1::CreateQueue QueueNamed(const std::string& name);
v1::UpdateQueue UpdateOf(const std::string& name);
v1::UserList Users(const std::vector<std::string>& names);

void SetBody(v1::Command* command, const v1::CreateUser& body);
void SetBody(v1::Command* command, const v1::ChangePassword& body);
void SetBody(v1::Command* command, const v1::DeleteUser& body);
void SetBody(v1::Command* command, const v1::CreateSession& body);
void SetBody(v1::Command* command, const v1::DeleteSession& body);
void SetBody(v1::Command* command, const v1::UpdateUser& body);
void SetBody(v1::Command* command, const v1::DeleteSessions& body);
void SetBody(v1::Command* command, const v1::CreateQueue& body);
void SetBody(v1::Command* command, const v1::UpdateQueue& body);
void SetBody(v1::Command* command, const v1::DeleteQueue& body);
void SetBody(v1::Command* command, const v1::PurgeQueue& body);
void SetBody(v1::Command* command, const v1::Publish& body);
void SetBody(v1::Command* command, const v1::Receive& body);
void SetBody(v1::Command* command, const v1::Ack& body);
void SetBody(v1::Command* command, const v1::Nack& body);
void SetBody(v1::Command* command, const v1::Extend& body);
void SetBody(v1::Command* command, const v1::DeleteMessage& body);
void SetBody(v1::Command* command, const v1::Redrive& body);
void SetBody(v1::Command* command, const v1::CreateTopic& body);
void SetBody(v1::Command* command, const v1::DeleteTopic& body);
void SetBody(v1::Command* command, const v1::Subscribe& body);
void SetBody(v1::Command* command, const v1::Unsubscribe& body);
void SetBody(v1::Command* command, const v1::Transaction& body);

// Applies one entry after the other. After each it checks the whole view for consistency, and that a refusal
// or a replay changed nothing. Starts with the administrator "admin", connected.
class Harness {
 public:
  Harness();

  v1::Reply Do(const v1::Command& command);
  // As `user` under that user's first session.
  template <typename Body>
  v1::Reply As(const std::string& user, const Body& body, const std::string& key = "", uint64_t hash = 0) {
    v1::Command command;
    command.set_user(user);
    command.set_session_hash(TokenHash(user));
    command.set_idempotency_key(key);
    command.set_request_hash(hash);
    SetBody(&command, body);
    return Do(command);
  }
  // Without a session.
  template <typename Body>
  v1::Reply Anonymously(const Body& body) {
    v1::Command command;
    SetBody(&command, body);
    return Do(command);
  }
  void Clock();  // A clock entry now.
  void Pass(int64_t ms) { now_ms += ms; }
  void PassAndClock(int64_t ms);

  // Shorthands that must succeed.
  void AddUser(const std::string& name);  // Registers and connects.
  v1::Reply Connect(const std::string& name, int session, int64_t ttl_ms);
  void AddQueue(const std::string& owner, const std::string& name);
  uint64_t Send(const std::string& user, const std::string& queue, const std::string& body);
  uint64_t Send(const std::string& user, const std::string& queue, v1::NewMessage message);

  // Looking.
  v1::QueueCounts Counts(const std::string& queue) const;
  v1::QueueRecord Record(const std::string& queue) const;  // REQUIRES: it exists.
  v1::UserRecord UserNamed(const std::string& name) const;
  std::optional<Located> Find(const std::string& queue, uint64_t id) const;
  std::string BodyOf(uint64_t id) const;
  // Bodies of what was received, in order.
  std::vector<std::string> Bodies(const v1::Reply& received) const;
  // Takes everything that can be taken now and acknowledges it at once; bodies in order.
  std::vector<std::string> Drain(const std::string& user, const std::string& queue);

  uint64_t check_every = 1;  // Entries between looks at the whole view; more for long tests.
  MemoryView view;
  uint64_t offset = 0;
  int64_t now_ms = kStartMs;
  std::set<std::string> woken;  // By the last entry.

 private:
  v1::Reply Apply(const Entry& entry);
};

}  // namespace mom::broker::test
