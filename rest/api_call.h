// Call: one request on its way to its one answer, and what all handlers share.
#pragma once

#include <atomic>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "replication/replica/replica.h"
#include "rest/api.h"
#include "rest/http_port.h"
#include "rest/json_body.h"
#include "rest/json_writer.h"
#include "rest/metrics.h"
#include "rest/problem.h"
#include "rest/route_table.h"
#include "rest/session_uses.h"
#include "rest/worker_pool.h"

namespace mom::rest {

// Lives as long as the Api or any request of it. All members are thread-safe.
struct Services {
  Services(replication::Replica* replica, ApiOptions options);
  void Stop();

  replication::Replica* const replica;
  const ApiOptions options;
  Metrics metrics;
  LoginGate logins;
  SessionUses session_uses;
  std::atomic<uint32_t> offset_waits{0};
  // Grows before those who wait for messages are told that something was taken away (broker::Revoked), or
  // that all may be otherwise.
  std::atomic<uint64_t> revocations{0};
  std::atomic<bool> diverged{false};  // As the replica said last, like the next.
  std::atomic<bool> failed{false};
  std::atomic<bool> stopping{false};
  PasswordPool passwords;
  WorkerPool answers;
  Waiters waiters;
};

Instant SteadyNow();

// Shared by the callbacks that will answer; used by one thread at a time.
class Call : public std::enable_shared_from_this<Call> {
 public:
  using Ptr = std::shared_ptr<Call>;
  using OnReply = std::function<void(Call& call, replication::Outcome& outcome)>;
  using Fields = std::initializer_list<ProblemField>;

  Call(std::shared_ptr<Services> services, HttpRequest request, Responder responder);

  Services& services() { return *services_; }
  const std::shared_ptr<Services>& shared_services() const { return services_; }
  const ApiOptions& options() const { return services_->options; }
  HttpRequest& request() { return request_; }
  const std::string& parameter(std::string_view name) const { return match_.Get(name); }
  const std::string& user() const { return user_; }
  const std::string& session_hash() const { return session_hash_; }
  const std::string& idempotency_key() const { return key_; }
  // Whether the caller is an administrator as of `view`.
  bool IsAdmin(const broker::ViewReader& view) const;
  // The state that the answer is read from; the answer says so (Mom-Applied).
  std::unique_ptr<replication::ViewSnapshot> Snapshot();
  // The newest records. The answer says that it is of a state not later than when the handler began.
  const replication::LatestView& Latest() const { return services_->replica->Latest(); }
  bool IsHungUp() const { return request_.hung_up && request_.hung_up->load(); }
  // The client's address, behind a trusted proxy too.
  std::string Address() const;

  // Answers. Each ends the call.
  void Send(HttpResponse response);
  void SendJson(int status, std::string json);
  void SendEmpty(int status = 204);
  void SendProblem(int status, std::string_view code, std::string_view detail, Fields fields = {});

  // The body as one JSON object, or null after having answered. An empty body counts as {}; one that was
  // sent with Content-Encoding: gzip is unpacked, here and in request(). Valid on this thread until the next
  // call of this function; Finish() it with FinishBody.
  JsonBody* ParseBody();
  bool FinishBody(JsonBody* body);  // False after having answered.
  // Likewise for the query.
  std::optional<QueryParameters> ParseQuery(std::initializer_list<std::string_view> known);
  // {name} of the path as a name; false after having answered 404, for no such thing can exist.
  bool CheckName(std::string_view parameter, std::string_view code);

  // A command of this caller, with idempotency key. `beyond_body` is what of the request, besides method,
  // target and body, makes it another one under the same key.
  v1::Command MakeCommand(std::string_view beyond_body = {});
  // Proposes and calls `on_reply` on success, on any thread; everything else is answered here.
  void Propose(v1::Command command, OnReply on_reply);
  // Answers if `outcome` is no success; keeps what the headers of a write need.
  bool CheckOutcome(const replication::Outcome& outcome);

 private:
  friend class Dispatcher;
  bool DecodeBody();  // False after having answered.
  void AddHeaders(HttpResponse* response) const;

  const std::shared_ptr<Services> services_;
  HttpRequest request_;
  Responder responder_;
  RouteMatch match_;
  size_t route_;  // For the metrics.
  const Instant begin_;
  std::string user_;
  std::string session_hash_;
  std::string key_;
  uint64_t request_hash_ = 0;
  size_t body_bytes_max_ = 0;  // Of this route, unpacked as well as packed.
  // What the answer knows holds everything below; set before anything is read. From a snapshot or a write if
  // `is_exact_`, else from when the handler began.
  std::optional<Offset> read_end_;
  bool is_exact_ = false;
  // Of the last entry written for this call.
  std::optional<Offset> write_offset_;
  Epoch write_epoch_;
  bool replayed_ = false;
  bool looked_again_ = false;  // For the session.
};

using CallPtr = Call::Ptr;

enum class Access {
  kPublic,    // No session needed; one that is sent is not looked at.
  kOptional,  // A session that is sent must be good.
  kSession,
};

enum class BodyKind { kNone, kJson, kMessage, kBatch };

struct Route {
  const char* method;
  const char* pattern;
  Access access;
  BodyKind body;
  bool has_query;
  void (*handle)(const CallPtr& call);
  bool reads_credentials = false;  // Checks a password or rights against the view, which should be fresh.
};

}  // namespace mom::rest
