#include "tests/sim/full/full_clients.h"

#include <utility>

#include "core/broker/keys.h"
#include "tests/sim/violation.h"

namespace mom::sim {
namespace {

constexpr int kQueues = 3;
constexpr int kTimedQueue = kQueues;  // And one for what happens at a time.
const char kUser[] = "ann";
const std::string kTokenHash(32, 't');

std::string Numbered(char letter, uint64_t n) {
  return std::string(1, letter).append(std::to_string(n));
}

std::string QueueName(uint64_t i) {
  return Numbered('q', i);
}

}  // namespace

FullClients::FullClients(FullWorld* world) : world_(world), clients_(world->plan().clients + 1) {}

void FullClients::Start() {
  clients_[0].busy = true;
  Begin(0);
}

bool FullClients::idle() const {
  for (const Client& client : clients_) {
    if (client.busy) return false;
  }
  return true;
}

void FullClients::PublishOne() {
  Client& client = clients_.back();
  client.busy = true;
  client.kind = Kind::kPublish;
  client.queue = QueueName(0);
  client.command = v1::Command();
  client.command.mutable_publish()->set_queue(client.queue);
  client.command.mutable_publish()->add_messages()->set_body("last");
  client.command.set_user(kUser);
  client.command.set_session_hash(kTokenHash);
  client.command.set_idempotency_key(Numbered('k', next_key_++));
  Try(clients_.size() - 1);
}

void FullClients::Begin(size_t i) {
  Client& client = clients_[i];
  if (client.kind == Kind::kSetUp && i == 0 && MakeSetUp(&client)) return Try(i);
  if (!ready_) {
    ready_ = true;
    for (size_t k = 1; k + 1 < clients_.size(); ++k) {
      clients_[k].busy = true;
      world_->In(1, [this, k] { Begin(k); });
    }
  }
  if (finishing_) {
    client.busy = false;
    return;
  }
  MakeWork(&client);
  Try(i);
}

bool FullClients::MakeSetUp(Client* client) {
  client->command = v1::Command();
  const size_t step = client->set_up;
  if (step == 0) {
    client->command.mutable_create_user()->set_name(kUser);
    client->command.mutable_create_user()->set_password_hash("hash");
  } else if (step == 1) {
    client->command.mutable_create_session()->set_name(kUser);
    client->command.mutable_create_session()->set_token_hash(kTokenHash);
    client->command.mutable_create_session()->set_ttl_ms(300LL * 24 * 3600 * 1000);
    client->command.mutable_create_session()->set_password_revision(PasswordRevision());
  } else if (step <= 2 + kTimedQueue) {
    client->command.set_user(kUser);
    client->command.set_session_hash(kTokenHash);
    client->command.mutable_create_queue()->set_name(QueueName(step - 2));
  } else {
    return false;
  }
  return true;
}

uint64_t FullClients::PasswordRevision() const {
  for (const auto& node : world_->nodes()) {
    v1::UserRecord user;
    const auto bytes = node->view().Get(broker::keys::User(kUser));
    if (node->is_up() && bytes && user.ParseFromString(*bytes)) return user.password_revision();
  }
  return 0;
}

bool FullClients::IsConnected() const {
  for (const auto& node : world_->nodes()) {
    if (node->is_up() && node->view().Get(broker::keys::Session(kTokenHash))) return true;
  }
  return false;
}

void FullClients::MakeWork(Client* client) {
  Random* random = world_->random();
  client->queue = QueueName(random->Below(kQueues));
  client->command = v1::Command();
  client->command.set_user(kUser);
  client->command.set_session_hash(kTokenHash);
  client->command.set_idempotency_key(Numbered('k', next_key_++));
  if (random->Below(5) == 0) return MakeTimed(client);
  if (random->Below(3) < 2) {
    client->kind = Kind::kPublish;
    client->command.mutable_publish()->set_queue(client->queue);
    for (uint64_t n = 1 + random->Below(3); n > 0; --n) {
      client->command.mutable_publish()->add_messages()->set_body(
          std::string(random->Below(world_->plan().body_bytes_max), 'x'));
    }
  } else {
    client->kind = Kind::kReceive;
    client->command.mutable_receive()->set_queue(client->queue);
    client->command.mutable_receive()->set_max(static_cast<uint32_t>(1 + random->Below(6)));
    client->command.mutable_receive()->set_auto_ack(true);
  }
}

void FullClients::MakeTimed(Client* client) {
  Random* random = world_->random();
  client->kind = Kind::kTimed;
  client->queue = QueueName(kTimedQueue);
  const auto soon_ms = [&] {
    return random->Between(1, 3 * int64_t{world_->plan().options.fetch_timeout_ms});
  };
  if (!client->held.empty() && random->Coin()) {
    // Some of them too late, which is no error of the whole.
    client->command.mutable_nack()->set_queue(client->queue);
    client->command.mutable_nack()->set_delay_ms(random->Coin() ? soon_ms() : 0);
    for (v1::Receipt& receipt : client->held) *client->command.mutable_nack()->add_receipts() = receipt;
    client->held.clear();
  } else if (random->Coin()) {
    client->command.mutable_publish()->set_queue(client->queue);
    v1::NewMessage* message = client->command.mutable_publish()->add_messages();
    message->set_delay_ms(random->Coin() ? soon_ms() : 0);
    message->set_ttl_ms(random->Coin() ? message->delay_ms() + soon_ms() : 0);
  } else {
    client->command.mutable_receive()->set_queue(client->queue);
    client->command.mutable_receive()->set_max(static_cast<uint32_t>(1 + random->Below(3)));
    client->command.mutable_receive()->set_lease_ms(soon_ms());
  }
}

// Mostly who leads, as a node that forwards would choose; else anybody, who refuses.
FullNode* FullClients::Choose() {
  FullNode* leader = world_->FindLeader();
  if (leader != nullptr && world_->random()->Below(8) > 0) return leader;
  return world_->nodes()[world_->random()->Below(world_->nodes().size())].get();
}

void FullClients::Try(size_t i) {
  Client& client = clients_[i];
  const uint64_t attempt = ++client.attempt;
  world_->In(world_->plan().options.fetch_timeout_ns() * 3, [this, i, attempt] {
    if (clients_[i].attempt == attempt && clients_[i].busy) Again(i);
  });
  auto payload = std::make_shared<const std::string>(client.command.SerializeAsString());
  FullNode* node = Choose();
  // The answer travels, so that it may come after the node's end.
  node->Do([this, node, i, attempt, payload](replication::ReplicaDriver*) {
    node->Propose({EntryKind::kCommand, payload, [this, i, attempt, payload](replication::Outcome outcome) {
                     if (outcome.status.ok()) {
                       world_->oracle()->OnAcknowledged(outcome.offset, outcome.epoch, *payload);
                       ++world_->coverage()->acknowledged;
                     }
                     world_->In(world_->Delay(), [this, i, attempt, payload, outcome] {
                       OnOutcome(i, attempt, *payload, outcome);
                     });
                   }});
  });
  if (ready_ && world_->random()->Below(4) == 0) ReadSomewhere();
}

void FullClients::ReadSomewhere() {
  const Offset floor = world_->oracle()->acknowledged_end();
  Choose()->Do([this, floor](replication::ReplicaDriver* driver) {
    driver->ReadBarrier([this, floor](const Result<Offset>& end) {
      if (!end.ok()) return;
      ++world_->coverage()->barriers;
      world_->oracle()->OnReadConfirmed(*end, floor);
    });
  });
}

void FullClients::Again(size_t i) {
  world_->In(world_->plan().think_ns, [this, i, attempt = ++clients_[i].attempt] {
    if (clients_[i].attempt == attempt) Try(i);
  });
}

void FullClients::OnOutcome(size_t i, uint64_t attempt, const std::string& payload,
                            const replication::Outcome& outcome) {
  Client& client = clients_[i];
  if (client.attempt != attempt || !client.busy || payload != client.command.SerializeAsString()) return;
  if (!outcome.status.ok()) {
    ++(outcome.status.code() == Status::kUncertain ? world_->coverage()->uncertain
                                                   : world_->coverage()->refused);
    return Again(i);
  }
  const v1::Reply& reply = outcome.reply;
  if (client.kind == Kind::kSetUp && i == 0) {
    // A view that is behind gave an old revision; an attempt before may have made what this one is refused.
    const bool is_made = client.set_up != 1 || reply.error() == v1::ERROR_NONE || IsConnected();
    if (is_made) ++client.set_up;
    return Begin(i);
  }
  SIM_CHECK(reply.error() == v1::ERROR_NONE, "G8: a valid command is refused", reply.error(), reply.detail());
  if (reply.replayed()) ++world_->coverage()->replayed;
  if (client.kind == Kind::kPublish) {
    SIM_CHECK(reply.publish().ids_size() == client.command.publish().messages_size(),
              "G8: another number of messages");
    world_->oracle()->OnPublished(client.queue, {reply.publish().ids().begin(), reply.publish().ids().end()});
    ++world_->coverage()->published;
  } else if (client.kind == Kind::kTimed) {
    ++world_->coverage()->timed;
    Hold(reply, &client);
  } else {
    std::vector<uint64_t> ids;
    for (const v1::Delivery& delivery : reply.receive().messages()) ids.push_back(delivery.id());
    world_->oracle()->OnReceived(client.queue, Offset{reply.offset()}, ids);
    if (!ids.empty()) ++world_->coverage()->received;
  }
  Done(i);
}

// What it leased, to be given back by it later.
void FullClients::Hold(const v1::Reply& reply, Client* client) {
  for (const v1::Delivery& delivery : reply.receive().messages()) {
    v1::Receipt& receipt = client->held.emplace_back();
    receipt.set_id(delivery.id());
    receipt.set_lease(delivery.lease());
  }
}

void FullClients::Done(size_t i) {
  ++clients_[i].attempt;
  if (i + 1 == clients_.size()) {
    clients_[i].busy = false;
    return;
  }
  world_->In(world_->random()->Between(1, 2 * world_->plan().think_ns), [this, i] { Begin(i); });
}

}  // namespace mom::sim
