// Receiving: at once, or waiting for the first message.
#include "core/broker/access.h"
#include "core/broker/broker.h"
#include "core/broker/keys.h"
#include "core/broker/limits.h"
#include "core/broker/message_store.h"
#include "rest/accept.h"
#include "rest/api_routes.h"
#include "rest/message_json.h"
#include "rest/not_done.h"
#include "rest/queue_json.h"

namespace mom::rest {
namespace {

namespace keys = broker::keys;
using Outcome = replication::Outcome;
constexpr int64_t kWaitMsMax = 20'000;
constexpr int64_t kNsPerMs = 1'000'000;

// One receive from its request to its answer.
struct Receiving {
  CallPtr call;
  v1::Receive receive;
  bool raw = false;
  int64_t wait_ms = 0;
  Instant deadline;  // Of the waiting.
  // Services::revocations before the last look at queue, right and session.
  uint64_t revocations = 0;

  Services& services() const { return call->services(); }
  const std::string& queue() const { return receive.queue(); }
};
using ReceivingPtr = std::shared_ptr<Receiving>;

void Try(const ReceivingPtr& self, bool woken, uint64_t place);

void AnswerEmpty(const Receiving& self) {
  if (self.raw) return self.call->SendEmpty();
  self.call->SendJson(200, "{\"messages\":[]}");
}

// The bodies are read later than what the reply is of, but they do not change.
void Answer(const Receiving& self, const v1::ReceiveReply& reply) {
  const auto snapshot = self.services().replica->Snapshot();
  if (self.raw) return self.call->Send(ReceivedRaw(snapshot->reader(), self.queue(), reply));
  int64_t received_ms = self.services().replica->Now().ms;
  if (self.receive.lease_ms() > 0 && reply.messages_size() > 0 && reply.messages(0).lease_until_ms() > 0)
    received_ms = reply.messages(0).lease_until_ms() - self.receive.lease_ms();
  self.call->SendJson(200,
                      ReceivedJson(snapshot->reader(), self.queue(), self.call->user(), received_ms, reply));
}

// Fetching bodies may read the disk and serialising them takes time: neither belongs on the replica's thread.
void AnswerLater(const ReceivingPtr& self, v1::ReceiveReply reply) {
  auto shared = std::make_shared<v1::ReceiveReply>(std::move(reply));
  if (!self->services().answers.Submit([self, shared] { Answer(*self, *shared); })) Answer(*self, *shared);
}

// Wakes those who wait for what the queue holds now, or all when it is gone: they will be told.
void OfferQueue(Services& services, const std::string& queue_name) {
  if (!services.waiters.HasWaiters(queue_name)) return;
  const auto snapshot = services.replica->Snapshot();
  const auto queue = broker::FindQueue(snapshot->reader(), queue_name);
  if (!queue) return services.waiters.LookAgain(queue_name, [](const Waiters::Waiter&) { return true; });
  uint64_t ready = 0;
  const v1::QueueState state = ReadQueueState(snapshot->reader(), queue->id());
  for (const v1::Lane& lane : state.lanes()) ready += lane.fresh() + lane.returned();
  services.waiters.Offer(queue_name, ready);
}

void Later(const std::shared_ptr<Services>& services, std::function<void()> task) {
  if (!services->answers.Submit(std::move(task))) task();  // Refused, it was not moved.
}

void OfferLater(const std::shared_ptr<Services>& services, const std::string& queue) {
  if (!services->waiters.HasWaiters(queue)) return;
  Later(services, [services, queue] { OfferQueue(*services, queue); });
}

// Makes those look again from whom the queue or the right to receive from it was taken.
void RecheckQueue(Services& services, const std::string& name) {
  if (!services.waiters.HasWaiters(name)) return;
  const auto snapshot = services.replica->Snapshot();
  const auto queue = broker::FindQueue(snapshot->reader(), name);
  services.waiters.LookAgain(name, [&queue](const Waiters::Waiter& waiter) {
    return !queue || !broker::MayReceive(queue->record, waiter.user);
  });
}

bool IsSessionAlive(const Call& call, Services& services, const broker::ViewReader& view) {
  const auto bytes = view.Get(keys::Session(call.session_hash()));
  v1::SessionRecord session;
  return bytes && session.ParseFromString(*bytes) && session.expires_ms() > services.replica->Now().ms;
}

// Whether waiting has become pointless; then it was answered.
bool EndIfPointless(const Receiving& self, const broker::ViewReader& view) {
  Call& call = *self.call;
  if (self.services().diverged) {
    call.SendProblem(503, "diverged", "this node's state is not the one of the other nodes; ask another one");
    return true;
  }
  if (self.services().failed) {
    call.SendProblem(503, "unavailable", "this node has failed; ask another one");
    return true;
  }
  if (!IsSessionAlive(call, self.services(), view)) {
    call.SendProblem(401, "session-invalid", "the session ended; connect again");
    return true;
  }
  const auto queue = broker::FindQueue(view, self.queue());
  if (!queue || !broker::MaySee(queue->record, call.user(), call.IsAdmin(view))) {
    call.SendProblem(404, "queue-not-found", "there is no queue '" + self.queue() + "'");
    return true;
  }
  if (broker::MayReceive(queue->record, call.user())) return false;
  call.SendProblem(
      403, "not-allowed",
      "'" + call.user() + "' may not receive from '" + self.queue() + "'; its creator can grant it");
  return true;
}

void LookAgain(const ReceivingPtr& self, uint64_t place);

void Resume(const ReceivingPtr& self, Wake wake, uint64_t place) {
  switch (wake) {
    case Wake::kReady:
      return Try(self, true, place);
    case Wake::kLookAgain:
      return LookAgain(self, place);
    case Wake::kTimeout:
      // With a key the answer has to be kept, also an empty one.
      return self->call->idempotency_key().empty() ? AnswerEmpty(*self) : Try(self, false, 0);
    case Wake::kStopping:
      return self->call->SendProblem(503, "stopping", "this node is stopping; ask another one or try again");
  }
}

// `place` is 0 the first time.
Waiters::Added Wait(const ReceivingPtr& self, uint64_t place) {
  const std::shared_ptr<Services> services = self->call->shared_services();
  const uint64_t seen = self->revocations;
  const std::string queue = self->queue();
  const std::string session = self->call->session_hash();
  Waiters::Waiter waiter;
  waiter.queue = self->queue();
  waiter.user = self->call->user();
  waiter.session = session;
  waiter.max = self->receive.max();
  waiter.deadline = self->deadline;
  waiter.hung_up = self->call->request().hung_up;
  waiter.resume = [self](Wake wake, uint64_t at) { Resume(self, wake, at); };
  const Waiters::Added added = services->waiters.Add(std::move(waiter), place);
  // What was taken away between the last look and now told those who waited already.
  if (added == Waiters::Added::kYes && services->revocations != seen) {
    Later(services, [services, queue, session] {
      services->waiters.LookAgain(queue,
                                  [&session](const Waiters::Waiter& one) { return one.session == session; });
    });
  }
  return added;
}

void SendNoRoom(const Receiving& self, Waiters::Added why) {
  Call& call = *self.call;
  const WaitersOptions& limits = call.options().waiting;
  if (why == Waiters::Added::kUserIsFull) {
    return call.SendProblem(
        429, "too-many-waiting",
        "'" + call.user() + "' has " + std::to_string(limits.per_user_max) +
            " receives waiting at this node, the most that its setting waits-per-user-max allows; use fewer, "
            "ask another node, or wait_ms 0",
        {{"limit", int64_t{limits.per_user_max}}, {"setting", std::string_view("waits-per-user-max")}});
  }
  HttpResponse refusal = Problem(503, "stopping", "this node is stopping; ask another one or try again");
  if (why == Waiters::Added::kNodeIsFull) {
    refusal = Problem(
        503, "too-many-waiting",
        std::to_string(limits.per_node_max) +
            " receives wait at this node, the most that its memory and file descriptors (LimitNOFILE) allow; "
            "ask another node, or use wait_ms 0",
        {{"limit", int64_t{limits.per_node_max}}, {"setting", std::string_view("LimitNOFILE")}});
  }
  MarkNotDone(call.request(), &refusal);
  call.Send(std::move(refusal));
}

void LookAgain(const ReceivingPtr& self, uint64_t place) {
  const std::shared_ptr<Services> services = self->call->shared_services();
  const std::string queue = self->queue();
  self->revocations = services->revocations;
  if (EndIfPointless(*self, self->call->Snapshot()->reader())) return;
  const Waiters::Added added = Wait(self, place);
  if (added == Waiters::Added::kYes) return OfferQueue(*services, queue);
  Resume(self, added == Waiters::Added::kStopping ? Wake::kStopping : Wake::kTimeout, 0);
}

void OnReceived(const ReceivingPtr& self, Outcome& outcome, bool woken, uint64_t place) {
  const std::shared_ptr<Services> services = self->call->shared_services();
  if (woken) services->waiters.Done(self->queue(), self->receive.max());
  if (!self->call->CheckOutcome(outcome)) {
    if (woken) OfferLater(services, self->queue());
    return;
  }
  const bool is_empty = outcome.reply.receive().messages_size() == 0;
  // Somebody else was faster: back to the old place, for the rest of the time.
  const bool waits_on = is_empty && woken && self->call->idempotency_key().empty() &&
                        SteadyNow() < self->deadline && Wait(self, place) == Waiters::Added::kYes;
  if (!waits_on && is_empty) AnswerEmpty(*self);
  if (!is_empty) AnswerLater(self, std::move(*outcome.reply.mutable_receive()));
  if (woken) OfferLater(services, self->queue());
}

void Try(const ReceivingPtr& self, bool woken, uint64_t place) {
  self->revocations = self->services().revocations;
  v1::Command command = self->call->MakeCommand();
  *command.mutable_receive() = self->receive;
  self->services().replica->Propose(
      std::move(command), [self, woken, place](Outcome outcome) { OnReceived(self, outcome, woken, place); });
}

// Whether the log has to be asked: there is something, the answer to the key is known already, or the caller
// may not receive here, which the log says with authority.
bool MustTry(const Receiving& self, const broker::ViewReader& view) {
  const Call& call = *self.call;
  if (!call.idempotency_key().empty() && view.Get(keys::IdempotencyKey(call.user(), call.idempotency_key())))
    return true;
  if (broker::HasReady(view, self.queue())) return true;
  const auto queue = broker::FindQueue(view, self.queue());
  return !queue || !broker::MayReceive(queue->record, call.user());
}

void Begin(const ReceivingPtr& self) {
  self->revocations = self->services().revocations;
  if (MustTry(*self, self->call->Snapshot()->reader())) return Try(self, false, 0);
  if (self->wait_ms == 0) {
    return self->call->idempotency_key().empty() ? AnswerEmpty(*self) : Try(self, false, 0);
  }
  const std::shared_ptr<Services> services = self->call->shared_services();
  const std::string queue = self->queue();
  if ((services->diverged || services->failed) && EndIfPointless(*self, self->call->Snapshot()->reader()))
    return;
  if (const Waiters::Added added = Wait(self, 0); added != Waiters::Added::kYes)
    return SendNoRoom(*self, added);
  // What came between the look above and the registration.
  OfferQueue(*services, queue);
}

void Receive(const CallPtr& call) {
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  auto self = std::make_shared<Receiving>();
  self->call = call;
  self->raw = WantsOctets(call->request());
  self->receive.set_max(
      static_cast<uint32_t>(object.TryInt("max", 1, broker::kBatchMessagesMax).value_or(1)));
  self->receive.set_lease_ms(object.TryInt("lease_ms", 1, broker::kLeaseMsMax).value_or(0));
  self->receive.set_bytes_max(call->options().answer_bytes_max);
  self->wait_ms = object.TryInt("wait_ms", 0, kWaitMsMax).value_or(0);
  const std::string_view ack = object.TryString("ack", 1, 16).value_or("manual");
  if (ack != "auto" && ack != "manual") object.Reject("ack", "must be \"auto\" or \"manual\"");
  self->receive.set_auto_ack(ack == "auto");
  if (self->raw && self->receive.max() != 1)
    object.Reject("max", "must be 1 with Accept: application/octet-stream");
  if (!call->FinishBody(body) || !call->CheckName("q", "queue-not-found")) return;
  self->receive.set_queue(call->parameter("q"));
  self->deadline = Instant{SteadyNow().ns + self->wait_ms * kNsPerMs};
  Begin(self);
}

constexpr Route kRoutes[] = {
    {"POST", "/v1/queues/{q}/receive", Access::kSession, BodyKind::kJson, false, Receive},
};

}  // namespace

std::span<const Route> ReceiveRoutes() {
  return kRoutes;
}

void OnWoken(const std::shared_ptr<Services>& services, const std::set<std::string>& queues,
             const broker::Revoked& revoked) {
  for (const std::string& queue : queues) OfferLater(services, queue);
  if (revoked.empty()) return;
  services->revocations.fetch_add(1);  // First: see Wait().
  if (services->waiters.size() == 0) return;
  Later(services, [services, revoked] {
    for (const std::string& session : revoked.sessions) services->waiters.LookAgainUnder(session);
    for (const std::string& queue : revoked.queues) RecheckQueue(*services, queue);
  });
}

void OnUpheaval(const std::shared_ptr<Services>& services) {
  Later(services, [services] {
    const replication::ReplicaInfo info = services->replica->Info();
    services->diverged = info.diverged;
    services->failed = !info.failure.empty();
    services->revocations.fetch_add(1);
    services->waiters.LookAgainAll();
  });
}

}  // namespace mom::rest
