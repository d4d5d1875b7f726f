#include "tests/core/random_commands.h"

#include <algorithm>
#include "tests/core/broker_harness.h"

namespace mom::broker::test {
namespace {

enum Kind {
  kAccount,
  kQueueKind,
  kPurge,
  kPublishQueue,
  kPublishTopic,
  kReceive,
  kReceipts,
  kTopicKind,
  kTransaction,
  kKinds
};

}  // namespace

RandomCommands::RandomCommands(uint64_t seed) : random_(seed) {
  weights_ = {4, 6, 2, 30, 8, 25, 25, 5, 6};
  for (auto& weight : weights_) {
    if (Chance(20)) weight = 0;
    if (Chance(20)) weight *= 4;
  }
  weights_[kPublishQueue] += 5;
  weights_[kReceive] += 3;
  weights_[kQueueKind] += 2;
  auto pick = [&](std::initializer_list<uint64_t> values) { return values.begin()[Below(values.size())]; };
  clock_percent_ = pick({0, 5, 15, 40});
  odd_percent_ = pick({0, 0, 2, 10});
  group_percent_ = pick({0, 30, 60, 95});
  ttl_percent_ = pick({0, 20, 70});
  delay_percent_ = pick({0, 20, 60});
  dead_letter_percent_ = pick({0, 40, 90});
  key_percent_ = pick({0, 5, 30});
  step_ms_ = static_cast<int64_t>(pick({0, 10, 1000, 20'000, 3'600'000}));
}

int64_t RandomCommands::TimeStepMs() {
  if (Chance(50)) return 0;
  return static_cast<int64_t>(Below(static_cast<uint64_t>(step_ms_) + 1));
}

std::string RandomCommands::User() {
  static const std::vector<std::string> names = {"ann", "bob", "cy", "admin", "dee"};
  if (Chance(odd_percent_)) return Chance(50) ? "nobody" : std::string(Below(300), 'u');
  return names[Below(names.size())];
}

std::string RandomCommands::Queue(const NaiveModel& model) {
  if (Chance(odd_percent_)) return Chance(50) ? "no queue!" : std::string(Below(400), 'q');
  if (Chance(70) && !model.queues.empty()) {
    return std::next(model.queues.begin(), static_cast<int64_t>(Below(model.queues.size())))->first;
  }
  return Numbered('q', Below(5));
}

std::string RandomCommands::Topic() {
  static const std::vector<std::string> names = {"a", "a.b", "a.b.c", "a.c", "b"};
  if (Chance(odd_percent_)) return Chance(50) ? ".t" : std::string(Below(400), 't');
  return names[Below(names.size())];
}

std::string RandomCommands::Pattern() {
  static const std::vector<std::string> patterns = {"#",   "a.*", "a.#",  "*.b", "a.b",
                                                    "#.c", "*",   "a..b", "x*"};
  return patterns[Below(patterns.size())];
}

std::string RandomCommands::Body() {
  return std::string(Below(20), static_cast<char>('a' + Below(26)));
}

v1::UserList RandomCommands::List(const NaiveModel& model) {
  v1::UserList list;
  for (uint64_t n = Below(4); n > 0; --n) {
    const std::string user = User();
    if (model.users.contains(user) || Chance(odd_percent_)) list.add_users(user);
  }
  list.set_anyone(Chance(30));
  return list;
}

v1::QueueSettings RandomCommands::Settings(const NaiveModel& model) {
  v1::QueueSettings settings;
  if (Chance(60)) settings.set_lease_ms(static_cast<int64_t>(1 + Below(5000)));
  if (Chance(80)) settings.set_max_attempts(static_cast<uint32_t>(1 + Below(3)));
  if (Chance(30)) settings.set_retry_delay_ms(static_cast<int64_t>(Below(3000)));
  if (Chance(ttl_percent_)) settings.set_ttl_ms(static_cast<int64_t>(1 + Below(20'000)));
  if (Chance(20)) settings.set_max_messages(1 + Below(10));
  if (Chance(10)) settings.set_max_bytes(1 + Below(100));
  if (Chance(dead_letter_percent_) && (!model.queues.empty() || Chance(odd_percent_))) {
    settings.set_dead_letter(Queue(model));
  }
  if (const std::string user = User(); Chance(15) && (model.users.contains(user) || Chance(odd_percent_))) {
    settings.set_receiver(user);
  }
  if (settings.receiver().empty() || Chance(odd_percent_)) {
    if (Chance(70)) *settings.mutable_senders() = List(model);
    if (Chance(70)) *settings.mutable_receivers() = List(model);
  }
  if (Chance(odd_percent_)) settings.set_lease_ms(-1);
  if (Chance(odd_percent_)) settings.set_ttl_ms(INT64_MAX);
  return settings;
}

v1::NewMessage RandomCommands::Message() {
  v1::NewMessage message;
  message.set_body(Body());
  if (Chance(30)) message.set_priority(static_cast<uint32_t>(Below(Chance(odd_percent_) ? 12 : 10)));
  if (Chance(group_percent_)) message.set_group(Numbered('g', Below(3)));
  if (Chance(ttl_percent_)) message.set_ttl_ms(static_cast<int64_t>(1 + Below(10'000)));
  if (Chance(delay_percent_)) message.set_delay_ms(static_cast<int64_t>(1 + Below(10'000)));
  if (message.ttl_ms() > 0 && !Chance(odd_percent_))
    message.set_ttl_ms(message.ttl_ms() + message.delay_ms());
  if (Chance(15)) message.set_dedup_id(Numbered('d', Below(4)));
  if (Chance(odd_percent_)) message.set_delay_ms(INT64_MIN);
  for (uint64_t n = Chance(10) ? 1 + Below(2) : 0; n > 0; --n) {
    message.add_headers()->set_name(Numbered(Chance(odd_percent_) ? 'X' : 'x', n));
  }
  if (Chance(odd_percent_)) message.add_headers()->set_name(Chance(50) ? "Mom-x" : "X1");
  if (Chance(10)) message.set_content_encoding("gzip");
  if (Chance(10)) message.set_content_type("text/plain");
  if (Chance(10)) message.set_reply_to(Numbered('q', Below(5)));
  if (Chance(10)) message.set_correlation_id(Numbered('c', Below(5)));
  return message;
}

v1::Publish RandomCommands::PublishTo(const NaiveModel& model, bool topic) {
  v1::Publish publish;
  if (topic) {
    publish.set_topic(Topic());
  } else {
    publish.set_queue(Queue(model));
  }
  if (Chance(odd_percent_)) publish.set_topic(Topic());
  for (uint64_t n = Chance(70) ? 1 : Below(5); n > 0; --n) *publish.add_messages() = Message();
  return publish;
}

v1::Receipt RandomCommands::Receipt(const NaiveModel& model, const std::string& queue, std::string* holder) {
  v1::Receipt receipt;
  auto it = model.queues.find(queue);
  if (!old_receipts_.empty() && Chance(20)) {
    const auto& [old, user] = old_receipts_[Below(old_receipts_.size())];
    *holder = user;
    return old;
  }
  if (it == model.queues.end() || it->second.items.empty() || Chance(odd_percent_)) {
    receipt.set_id(Below(1u << 22));
    receipt.set_lease(Below(1u << 22));
    return receipt;
  }
  std::vector<const NaiveItem*> held;
  for (const auto& item : it->second.items)
    if (item.lease != 0) held.push_back(&item);
  const auto& item =
      held.empty() ? it->second.items[Below(it->second.items.size())] : *held[Below(held.size())];
  receipt.set_id(item.id);
  receipt.set_lease(item.lease);
  if (!item.holder.empty()) *holder = item.holder;
  old_receipts_.emplace_back(receipt, item.holder);
  if (old_receipts_.size() > 20) old_receipts_.erase(old_receipts_.begin());
  return receipt;
}

v1::Transaction RandomCommands::Transaction(const NaiveModel& model, std::string* user) {
  v1::Transaction transaction;
  for (uint64_t n = 1 + Below(4); n > 0; --n) {
    auto* operation = transaction.add_operations();
    const std::string queue = Queue(model);
    if (auto it = model.queues.find(queue); it != model.queues.end() && Chance(60)) *user = it->second.owner;
    switch (Below(4)) {
      case 0:
        operation->mutable_ack()->set_queue(queue);
        *operation->mutable_ack()->add_receipts() = Receipt(model, queue, user);
        break;
      case 1:
        operation->mutable_nack()->set_queue(queue);
        *operation->mutable_nack()->add_receipts() = Receipt(model, queue, user);
        break;
      default:
        if (!Chance(odd_percent_)) *operation->mutable_publish() = PublishTo(model, Chance(30));
    }
  }
  return transaction;
}

void RandomCommands::FillReceipts(const NaiveModel& model, v1::Command* command) {
  const std::string queue = Queue(model);
  std::string holder = command->user();
  std::vector<v1::Receipt> receipts;
  const uint64_t count = Chance(70) ? 1 : Chance(60) ? Below(4) : 8 + Below(16);
  for (uint64_t n = count; n > 0; --n) receipts.push_back(Receipt(model, queue, &holder));
  // As they were received; otherwise in any order. Some come twice.
  const auto by_id = [](const v1::Receipt& a, const v1::Receipt& b) { return a.id() < b.id(); };
  if (Chance(50)) std::stable_sort(receipts.begin(), receipts.end(), by_id);
  if (!Chance(odd_percent_)) command->set_user(holder);
  const uint64_t which = Below(10);
  if (which < 4) {
    command->mutable_ack()->set_queue(queue);
    for (const auto& receipt : receipts) *command->mutable_ack()->add_receipts() = receipt;
  } else if (which < 8) {
    auto* nack = command->mutable_nack();
    nack->set_queue(queue);
    for (const auto& receipt : receipts) *nack->add_receipts() = receipt;
    if (Chance(40)) nack->set_delay_ms(Chance(odd_percent_) ? -5 : static_cast<int64_t>(Below(5000)));
    if (Chance(30)) nack->set_reason("no");
  } else {
    auto* extend = command->mutable_extend();
    extend->set_queue(queue);
    for (const auto& receipt : receipts) *extend->add_receipts() = receipt;
    extend->set_lease_ms(Chance(odd_percent_) ? 0 : static_cast<int64_t>(1 + Below(5000)));
  }
}

v1::Command RandomCommands::Next(const NaiveModel& model) {
  v1::Command command;
  command.set_user(User());
  const std::string queue = Queue(model);
  auto it = model.queues.find(queue);
  const bool as_owner = it != model.queues.end() && Chance(60);
  std::string user = command.user();
  std::discrete_distribution<int> choose(weights_.begin(), weights_.end());
  switch (Repair(model, &command) ? kKinds : choose(random_)) {
    case kKinds:
      break;
    case kAccount:
      FillAccount(model, &command);
      break;
    case kQueueKind:
      FillQueue(model, &command);
      break;
    case kPurge:
      if (as_owner) command.set_user(it->second.owner);
      if (Chance(40)) {
        command.mutable_redrive()->set_queue(queue);
        command.mutable_redrive()->set_max(static_cast<uint32_t>(Below(4)));
      } else if (Chance(40)) {
        command.mutable_delete_message()->set_queue(queue);
        command.mutable_delete_message()->set_id(Receipt(model, queue, &user).id());
      } else {
        command.mutable_purge_queue()->set_name(queue);
        command.mutable_purge_queue()->set_max(static_cast<uint32_t>(Below(8)));
      }
      break;
    case kPublishQueue:
      if (as_owner) command.set_user(it->second.owner);
      *command.mutable_publish() = PublishTo(model, false);
      if (as_owner && Chance(90)) command.mutable_publish()->set_queue(queue);
      break;
    case kPublishTopic:
      *command.mutable_publish() = PublishTo(model, true);
      break;
    case kReceive: {
      auto* receive = command.mutable_receive();
      if (as_owner) command.set_user(it->second.owner);
      receive->set_queue(queue);
      receive->set_max(static_cast<uint32_t>(Below(6)));
      receive->set_bytes_max(Chance(80) ? 1000 : Below(40));
      receive->set_auto_ack(Chance(15));
      if (Chance(30)) receive->set_lease_ms(static_cast<int64_t>(Below(4000)));
      if (Chance(odd_percent_)) receive->set_lease_ms(INT64_MAX);
      break;
    }
    case kReceipts:
      FillReceipts(model, &command);
      break;
    case kTopicKind:
      FillTopic(model, &command);
      break;
    default:
      *command.mutable_transaction() = Transaction(model, &user);
      command.set_user(user);
  }
  const bool anonymous = command.has_create_user() || command.has_create_session();
  if (anonymous && Chance(90)) command.clear_user();
  if (!command.user().empty()) {
    command.set_session_hash(TokenHash(command.user(), Chance(odd_percent_) ? 2 : 0));
    for (const auto& [hash, session] : model.sessions) {
      if (session.user == command.user() && Chance(90)) command.set_session_hash(hash);
    }
  }
  if (Chance(key_percent_)) {
    const auto kind = static_cast<uint64_t>(command.body_case());
    command.set_idempotency_key(Numbered('k', Below(4) + (Chance(95) ? 10 * kind : 0)));
    command.set_request_hash(kind);
  }
  return command;
}

}  // namespace mom::broker::test
