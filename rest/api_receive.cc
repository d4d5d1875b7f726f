// Receiving: at once, or waiting for the first message.
#include "core/broker/access.h"
#include "core/broker/broker.h"
#include "core/broker/keys.h"
#include "core/broker/limits.h"
#include "core/broker/message_store.h"
#include "rest/api_routes.h"
#include "rest/message_json.h"
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

  Services& services() const { return call->services(); }
  const std::string& queue() const { return receive.queue(); }
};
using ReceivingPtr = std::shared_ptr<Receiving>;

void Try(const ReceivingPtr& self, bool woken, uint64_t place);

void AnswerEmpty(const Receiving& self) {
  if (self.raw) return self.call->SendEmpty();
  self.call->SendJson(200, "{\"messages\":[]}");
}

void Answer(const Receiving& self, const v1::ReceiveReply& reply) {
  const auto snapshot = self.call->Snapshot();
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

// Wakes those who wait for what the queue holds now. A queue that is gone wakes all: they will be told.
void OfferQueue(Services& services, const std::string& queue_name) {
  if (!services.waiters.HasWaiters(queue_name)) return;
  const auto snapshot = services.replica->Snapshot();
  uint64_t ready = UINT64_MAX;
  if (const auto queue = broker::FindQueue(snapshot->reader(), queue_name)) {
    ready = 0;
    const v1::QueueState state = ReadQueueState(snapshot->reader(), queue->id());
    for (const v1::Lane& lane : state.lanes()) ready += lane.fresh() + lane.returned();
  }
  services.waiters.Offer(queue_name, ready);
}

void OfferLater(const std::shared_ptr<Services>& services, const std::string& queue) {
  if (!services->waiters.HasWaiters(queue)) return;
  if (!services->answers.Submit([services, queue] { OfferQueue(*services, queue); }))
    OfferQueue(*services, queue);
}

void Resume(const ReceivingPtr& self, Wake wake, uint64_t place) {
  switch (wake) {
    case Wake::kReady:
      return Try(self, true, place);
    case Wake::kTimeout:
      // With a key the answer has to be kept, also an empty one.
      return self->call->idempotency_key().empty() ? AnswerEmpty(*self) : Try(self, false, 0);
    case Wake::kStopping:
      return self->call->SendProblem(503, "stopping", "this node is stopping; ask another one or try again");
  }
}

// `place` is 0 the first time. False when there is no room to wait.
bool Wait(const ReceivingPtr& self, uint64_t place) {
  Waiters::Waiter waiter;
  waiter.queue = self->queue();
  waiter.user = self->call->user();
  waiter.max = self->receive.max();
  waiter.deadline = self->deadline;
  waiter.hung_up = self->call->request().hung_up;
  waiter.resume = [self](Wake wake, uint64_t at) { Resume(self, wake, at); };
  return self->services().waiters.Add(std::move(waiter), place);
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
                        SteadyNow() < self->deadline && Wait(self, place);
  if (!waits_on && is_empty) AnswerEmpty(*self);
  if (!is_empty) AnswerLater(self, std::move(*outcome.reply.mutable_receive()));
  if (woken) OfferLater(services, self->queue());
}

void Try(const ReceivingPtr& self, bool woken, uint64_t place) {
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
  if (MustTry(*self, self->call->Snapshot()->reader())) return Try(self, false, 0);
  if (self->wait_ms == 0) {
    return self->call->idempotency_key().empty() ? AnswerEmpty(*self) : Try(self, false, 0);
  }
  const std::shared_ptr<Services> services = self->call->shared_services();
  if (!Wait(self, 0))
    return self->call->SendProblem(429, "too-many-waiting",
                                   "too many receives wait already; use fewer or wait_ms 0");
  // What came between the look above and the registration.
  OfferQueue(*services, self->queue());
}

bool WantsRaw(Call& call) {
  const std::string* accept = call.request().FindHeader("accept");
  return accept != nullptr && accept->starts_with("application/octet-stream");
}

void Receive(const CallPtr& call) {
  JsonBody* body = call->ParseBody();
  if (body == nullptr) return;
  JsonObject object = body->root();
  auto self = std::make_shared<Receiving>();
  self->call = call;
  self->raw = WantsRaw(*call);
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

void OnWoken(const std::shared_ptr<Services>& services, const std::set<std::string>& queues) {
  for (const std::string& queue : queues) OfferLater(services, queue);
}

}  // namespace mom::rest
