#include "tests/cluster/workers.h"

#include <chrono>

#include "core/base/check.h"

namespace mom::cluster {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr char kLedger[] = "ledger";  // Filled by readers, received by nobody before the end.
constexpr char kBallast[] = "ballast";
constexpr int kBallastPauseMs = 30;
constexpr uint64_t kBatch = 8;
constexpr int kRetryMs = 15;

void SleepMs(int64_t ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

}  // namespace

// One client's thread.
class Load::Worker {
 public:
  Worker(Cluster* cluster, Recorder* recorder, const std::string& name, uint64_t seed)
      : client(cluster, recorder, name), random(seed) {}

  std::string NextKey() { return client.name() + "-" + std::to_string(++keys); }
  bool OneIn(uint64_t n) { return random.Next() % n == 0; }

  BrokerClient client;
  SplitMix64 random;
  uint64_t keys = 0;
  uint32_t last_node = 0;
};

Load::Load(Cluster* cluster, Recorder* recorder, LoadOptions options)
    : cluster_(cluster), recorder_(recorder), options_(std::move(options)) {
  std::vector<uint32_t> via = options_.via;
  for (uint32_t id = 1; options_.via.empty() && id <= cluster->size(); ++id) via.push_back(id);
  SetVia(via);
}

std::vector<std::string> Load::AllQueues() const {
  std::vector<std::string> all = queues_;
  all.insert(all.end(), timed_queues_.begin(), timed_queues_.end());
  return all;
}

Load::~Load() {
  if (!threads_.empty()) Stop(0);
}

void Load::SetVia(const std::vector<uint32_t>& nodes) {
  uint64_t bits = 0;
  for (uint32_t node : nodes) bits |= uint64_t{1} << node;
  via_ = bits;
}

uint32_t Load::PickNode(Worker* worker) {
  const uint64_t via = via_;
  for (;;) {
    const auto node = static_cast<uint32_t>(1 + worker->random.Next() % cluster_->size());
    if ((via >> node & 1) == 0) continue;
    const bool is_only = (via & (via - 1)) == 0;
    // After a failure somebody else is asked.
    if (node == worker->last_node && !is_only) continue;
    return node;
  }
}

std::string Load::Prepare() {
  Worker worker(cluster_, recorder_, "setup", options_.seed);
  worker.client.set_timeout_ms(10'000);
  const int status = worker.client.Register(1, kUser, kPassword);
  if (status != 201) return "registering answered " + std::to_string(status);
  Event event = worker.client.Login(1, kUser, kPassword);  // Others may not have applied the user yet.
  if (event.kind != Kind::kOk) return "connecting failed: " + event.code;
  session_ = worker.client.session();
  cluster_->set_token(session_.token);
  for (uint32_t i = 0; i < options_.leasers; ++i) queues_.push_back("leased-" + std::to_string(i));
  for (uint32_t i = 0; i < options_.autos; ++i) queues_.push_back("auto-" + std::to_string(i));
  if (options_.readers > 0) queues_.push_back(kLedger);
  if (queues_.empty()) queues_.push_back("plain-0");
  for (uint32_t i = 0; i < options_.timers; ++i) timed_queues_.push_back("timed-" + std::to_string(i));
  std::vector<std::string> queues = AllQueues();
  if (options_.ballast_bytes > 0) queues.push_back(kBallast);
  for (const std::string& queue : queues) {
    const std::string key = worker.NextKey();
    const auto create = [&](uint32_t node) { return worker.client.CreateQueue(node, queue, kLeaseMs, key); };
    event = Insist(&worker, create);
    // The node asked may not have applied the login yet.
    for (int i = 0; i < 100 && event.code == "session-invalid"; ++i) {
      SleepMs(kRetryMs);
      event = Insist(&worker, create);
    }
    if (event.kind != Kind::kOk) return "making " + queue + " failed: " + event.code;
  }
  return "";
}

void Load::Spawn(const std::string& name, std::function<void(Worker*)> step) {
  const uint64_t seed = options_.seed * 1000 + threads_.size();
  threads_.emplace_back([this, name, seed, step = std::move(step)] {
    Worker worker(cluster_, recorder_, name, seed);
    worker.client.set_session(session_);
    worker.client.set_timeout_ms(options_.timeout_ms);
    while (!stop_) step(&worker);
  });
}

void Load::Start() {
  for (uint32_t i = 0; i < options_.publishers; ++i)
    Spawn("publisher-" + std::to_string(i), [this](Worker* worker) { Publish(worker); });
  for (uint32_t i = 0; i < options_.leasers; ++i)
    Spawn("leaser-" + std::to_string(i), [this](Worker* worker) { ReceiveWithLease(worker); });
  for (uint32_t i = 0; i < options_.autos; ++i)
    Spawn("auto-" + std::to_string(i), [this](Worker* worker) { ReceiveAtOnce(worker); });
  for (uint32_t i = 0; i < options_.readers; ++i)
    Spawn("reader-" + std::to_string(i), [this](Worker* worker) { Read(worker); });
  if (options_.ballast_bytes > 0) Spawn("ballast", [this](Worker* worker) { PublishBallast(worker); });
  for (uint32_t i = 0; i < options_.churners; ++i) {
    Spawn("session-" + std::to_string(i), [this](Worker* worker) { ChurnSession(worker); });
    Spawn("queue-" + std::to_string(i), [this](Worker* worker) { ChurnQueue(worker); });
  }
  for (const std::string& queue : timed_queues_)
    Spawn("timer-" + queue, [this, queue](Worker* worker) { UseTimers(worker, queue); });
}

void Load::PublishBallast(Worker* worker) {
  HttpLink link(cluster_->rest(PickNode(worker)));
  const Headers headers = {
      {"Authorization", "Bearer " + session_.token}, {"Content-Type", "text/plain"}, {"Mom-Ttl-Ms", "1000"}};
  const std::string body(options_.ballast_bytes, 'b');
  for (int i = 0; i < 20 && !stop_; ++i) {
    const HttpAnswer answer = link.Send("POST", std::string("/v1/queues/") + kBallast + "/messages", headers,
                                        body, options_.timeout_ms);
    SleepMs(kBallastPauseMs);
    if (answer.status != 201) return;  // Another node, then.
  }
}

void Load::Stop(int settle_ms) {
  give_up_ns_ = NowNs() + static_cast<uint64_t>(settle_ms) * kNsPerMs;
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  give_up_ns_ = kNone;
}

Event Load::Insist(Worker* worker, const std::function<Event(uint32_t node)>& ask) {
  for (;;) {
    const uint32_t node = PickNode(worker);
    Event event = ask(node);
    worker->last_node = 0;
    const bool is_refused = event.kind == Kind::kFail && event.code != "not-connected" &&
                            event.code != "no-leader" && event.code != "not-ready" &&
                            event.code != "stopping" && event.code != "overloaded";
    if (event.kind == Kind::kOk || is_refused || NowNs() > give_up_ns_) return event;
    worker->last_node = node;
    SleepMs(kRetryMs);
  }
}

void Load::Publish(Worker* worker) {
  const std::string& queue = queues_[worker->random.Next() % queues_.size()];
  std::vector<uint64_t> payloads(worker->OneIn(5) ? kBatch : 1);
  for (uint64_t& payload : payloads) payload = next_payload_++;
  // The ledger has an exact count only if every publish comes to a certain end.
  if (queue != kLedger && worker->OneIn(10)) {
    const Event event = worker->client.Publish(PickNode(worker), queue, payloads, "");
    if (event.kind != Kind::kOk) SleepMs(kRetryMs);
  } else {
    const std::string key = worker->NextKey();
    Insist(worker, [&](uint32_t node) { return worker->client.Publish(node, queue, payloads, key); });
  }
  SleepMs(options_.pause_ms);
}

void Load::ReceiveWithLease(Worker* worker) {
  const std::string queue = "leased-" + std::to_string(worker->random.Next() % options_.leasers);
  const Event event = worker->client.Receive(PickNode(worker), queue, 16, kLeaseMs, 50, "");
  if (event.kind != Kind::kOk) return SleepMs(kRetryMs);
  if (event.items.empty()) return SleepMs(2);
  Settle(worker, queue, event.items);
}

void Load::Settle(Worker* worker, const std::string& queue, const std::vector<Item>& items) {
  BrokerClient& client = worker->client;
  switch (worker->random.Next() % 40) {
    case 0:  // Dropped: the leases end.
      return;
    case 1:
      client.Nack(PickNode(worker), queue, items);
      return;
    case 2:
      client.Extend(PickNode(worker), queue, items, 2 * kLeaseMs);
      break;
    default:
      break;
  }
  Insist(worker, [&](uint32_t node) { return client.Ack(node, queue, items); });
}

void Load::ReceiveAtOnce(Worker* worker) {
  const std::string queue = "auto-" + std::to_string(worker->random.Next() % options_.autos);
  const std::string key = worker->NextKey();
  const Event event =
      Insist(worker, [&](uint32_t node) { return worker->client.Receive(node, queue, 16, 0, 50, key); });
  if (event.items.empty()) SleepMs(2);
}

// All with keys, so that what was taken is known: C15 judges nothing behind a receive of unknown outcome.
void Load::UseTimers(Worker* worker, const std::string& queue) {
  BrokerClient& client = worker->client;
  const std::string key = worker->NextKey();
  const auto ms = static_cast<int64_t>(20 + worker->random.Next() % 1000);
  switch (worker->random.Next() % 4) {
    case 0:
    case 1: {
      const std::vector<uint64_t> payloads = {next_payload_++};
      Insist(worker, [&](uint32_t node) { return client.Publish(node, queue, payloads, key, ms); });
      break;
    }
    case 2: {  // Given back with a delay, or dropped: the lease ends.
      const Event event =
          Insist(worker, [&](uint32_t node) { return client.Receive(node, queue, 4, 500, 0, key); });
      if (!event.items.empty() && worker->OneIn(2)) client.Nack(PickNode(worker), queue, event.items, ms);
      break;
    }
    default:
      Insist(worker, [&](uint32_t node) { return client.Receive(node, queue, 16, 0, 50, key); });
  }
  SleepMs(options_.pause_ms);
}

void Load::Read(Worker* worker) {
  BrokerClient& client = worker->client;
  const std::vector<uint64_t> payloads = {next_payload_++};
  const std::string key = worker->NextKey();
  const Event published =
      Insist(worker, [&](uint32_t node) { return client.Publish(node, kLedger, payloads, key); });
  if (published.kind != Kind::kOk) return;
  const bool linearizable = worker->OneIn(2);
  const uint64_t min = linearizable ? kNone : published.offset;
  for (int i = 0; i < 2 && !stop_; ++i) {
    const uint32_t node = PickNode(worker);
    const Event event = worker->OneIn(2)
                            ? client.Count(node, kLedger, min, linearizable)
                            : client.Peek(node, kLedger, published.items[0].id, min, linearizable);
    worker->last_node = event.kind == Kind::kOk ? 0 : node;
  }
  SleepMs(2 * options_.pause_ms);
}

void Load::ChurnSession(Worker* worker) {
  BrokerClient& client = worker->client;
  if (client.Login(PickNode(worker), kUser, kPassword).kind != Kind::kOk) return SleepMs(100);
  client.Count(PickNode(worker), queues_[0], kNone, false);
  const std::string key = worker->NextKey();
  const std::vector<uint64_t> payloads = {next_payload_++};
  Insist(worker, [&](uint32_t node) { return client.Publish(node, queues_[0], payloads, key); });
  const Event ended = client.Logout(PickNode(worker));
  // What ended is refused everywhere, for reading and for writing.
  for (int i = 0; i < 3 && !stop_; ++i) client.Count(PickNode(worker), queues_[0], ended.offset, false);
  client.Publish(PickNode(worker), queues_[0], {next_payload_++}, "");
  SleepMs(100);
}

void Load::ChurnQueue(Worker* worker) {
  BrokerClient& client = worker->client;
  const std::string queue = client.name() + "-" + std::to_string(worker->keys);
  const std::string made = worker->NextKey(), sent = worker->NextKey(), taken = worker->NextKey(),
                    deleted = worker->NextKey();
  Insist(worker, [&](uint32_t node) { return client.CreateQueue(node, queue, kLeaseMs, made); });
  const std::vector<uint64_t> payloads = {next_payload_++, next_payload_++};
  Insist(worker, [&](uint32_t node) { return client.Publish(node, queue, payloads, sent); });
  client.DeleteQueue(PickNode(worker), queue, "");  // It holds messages: refused.
  Insist(worker, [&](uint32_t node) { return client.Receive(node, queue, 16, 0, 0, taken); });
  Insist(worker, [&](uint32_t node) { return client.DeleteQueue(node, queue, deleted); });
  client.Publish(PickNode(worker), queue, {next_payload_++}, "");  // It is gone: refused.
  SleepMs(50);
}

std::string Load::DrainQueue(Worker* worker, const std::string& queue, uint64_t deadline_ns) {
  while (NowNs() < deadline_ns) {
    const std::string key = worker->NextKey();
    Insist(worker, [&](uint32_t node) { return worker->client.Receive(node, queue, 100, 0, 0, key); });
    const Event count =
        Insist(worker, [&](uint32_t node) { return worker->client.Count(node, queue, kNone, true); });
    if (count.kind != Kind::kOk || count.number > 0) {
      if (count.kind != Kind::kOk) SleepMs(kRetryMs);
      continue;
    }
    Event drained;
    drained.ns = NowNs();
    drained.kind = Kind::kOk;
    drained.client = worker->client.name();
    drained.action = Action::kDrained;
    drained.queue = queue;
    recorder_->Add(drained);
    return "";
  }
  return queue;
}

std::string Load::Drain(int timeout_ms) {
  MOM_CHECK(threads_.empty());
  Worker worker(cluster_, recorder_, "drain", options_.seed + 7);
  worker.client.set_session(session_);
  const uint64_t deadline_ns = NowNs() + static_cast<uint64_t>(timeout_ms) * kNsPerMs;
  give_up_ns_ = deadline_ns;
  std::string left;
  for (const std::string& queue : AllQueues()) {
    if (left.empty()) left = DrainQueue(&worker, queue, deadline_ns);
  }
  give_up_ns_ = kNone;
  return left;
}

}  // namespace mom::cluster
