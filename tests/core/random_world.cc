// The part of the random commands that makes and changes users, queues and topics.
#include <algorithm>

#include "tests/core/broker_harness.h"
#include "tests/core/random_commands.h"

namespace mom::broker::test {

std::string Numbered(char letter, uint64_t n) {
  std::string name(1, letter);
  return name.append(std::to_string(n));
}

bool RandomCommands::Repair(const NaiveModel& model, v1::Command* command) {
  if (!Chance(30)) return false;
  const std::string name = User();
  if (!model.users.contains(name)) {
    command->mutable_create_user()->set_name(name);
    command->mutable_create_user()->set_password_hash("hash");
    command->clear_user();
    return true;
  }
  const bool connected = std::any_of(model.sessions.begin(), model.sessions.end(),
                                     [&](const auto& session) { return session.second.user == name; });
  if (!connected) {
    command->mutable_create_session()->set_name(name);
    command->mutable_create_session()->set_token_hash(TokenHash(name));
    command->mutable_create_session()->set_password_revision(model.users.at(name).revision);
    command->mutable_create_session()->set_ttl_ms(static_cast<int64_t>(1 + Below(10'000'000'000)));
    command->clear_user();
    return true;
  }
  if (model.queues.size() < 4) {
    command->mutable_create_queue()->set_name(Numbered('q', Below(5)));
    *command->mutable_create_queue()->mutable_settings() = Settings(model);
    return true;
  }
  if (model.subscriptions.size() < 4) {
    FillTopic(model, command);
    return true;
  }
  return false;
}

void RandomCommands::FillAccount(const NaiveModel& model, v1::Command* command) {
  const std::string name = User();
  auto user = model.users.find(name);
  const uint64_t revision = user == model.users.end() || Chance(odd_percent_) ? 7 : user->second.revision;
  switch (Below(11)) {
    case 0:
    case 1:
    case 2:
      command->mutable_create_user()->set_name(name);
      command->mutable_create_user()->set_password_hash(Chance(odd_percent_) ? "" : "hash");
      command->mutable_create_user()->set_admin(Chance(odd_percent_));
      break;
    case 3:
    case 4:
    case 5:
      command->mutable_create_session()->set_name(name);
      command->mutable_create_session()->set_token_hash(TokenHash(name, static_cast<int>(Below(3))));
      command->mutable_create_session()->set_password_revision(revision);
      command->mutable_create_session()->set_ttl_ms(static_cast<int64_t>(1 + Below(1'000'000'000)));
      if (Chance(50))
        command->mutable_create_session()->set_address(Chance(odd_percent_) ? std::string(65, '1') : "::1");
      break;
    case 6:
      if (Chance(50)) {
        command->mutable_change_password()->set_name(Chance(80) ? command->user() : name);
        command->mutable_change_password()->set_password_hash("other");
        command->mutable_change_password()->set_password_revision(revision);
      } else {
        command->mutable_delete_session()->set_token_hash(TokenHash(name, static_cast<int>(Below(3))));
      }
      break;
    case 7:
      FillUpdateUser(name, command);
      break;
    case 8:
      FillDeleteSessions(model, name, command);
      break;
    default:
      command->mutable_delete_user()->set_name(name);
      if (Chance(50)) command->set_user("admin");
  }
}

void RandomCommands::FillUpdateUser(const std::string& name, v1::Command* command) {
  auto* update = command->mutable_update_user();
  update->set_name(name);
  if (Chance(50)) update->set_password_hash(Chance(odd_percent_) ? "" : "given");
  if (Chance(60)) update->set_admin(Chance(50));
  if (Chance(80)) command->set_user("admin");
}

void RandomCommands::FillDeleteSessions(const NaiveModel& model, const std::string& name,
                                        v1::Command* command) {
  auto* end = command->mutable_delete_sessions();
  end->set_user(name);
  if (Chance(30)) {
    end->set_keep_current(true);
  } else if (Chance(80)) {
    end->set_id(1 + Below(1u << 20));
    for (const auto& [hash, session] : model.sessions)
      if (session.user == name && Chance(60)) end->set_id(session.id);
  }
  if (Chance(80)) command->set_user(Chance(50) ? "admin" : name);
}

void RandomCommands::FillQueue(const NaiveModel& model, v1::Command* command) {
  const std::string name = Queue(model);
  const uint64_t which = Below(10);
  if (which < 5) {
    command->mutable_create_queue()->set_name(name);
    *command->mutable_create_queue()->mutable_settings() = Settings(model);
    return;
  }
  if (auto it = model.queues.find(name); it != model.queues.end() && Chance(80)) {
    command->set_user(it->second.owner);
  }
  if (which < 6) {
    command->mutable_delete_queue()->set_name(name);
    return;
  }
  auto* update = command->mutable_update_queue();
  update->set_name(name);
  const v1::QueueSettings s = Settings(model);
  if (Chance(20)) update->set_lease_ms(s.lease_ms());
  if (Chance(20)) update->set_max_attempts(s.max_attempts());
  if (Chance(20)) update->set_ttl_ms(s.ttl_ms());
  if (Chance(20)) update->set_retry_delay_ms(s.retry_delay_ms());
  if (Chance(20)) update->set_max_messages(s.max_messages());
  if (Chance(20)) update->set_dead_letter(s.dead_letter());
  if (Chance(30)) update->set_closed(Chance(30));
  if (Chance(20)) *update->mutable_senders() = s.senders();
  if (Chance(20)) *update->mutable_receivers() = s.receivers();
}

void RandomCommands::FillTopic(const NaiveModel& model, v1::Command* command) {
  switch (Below(10)) {
    case 0:
    case 1:
    case 2:
      command->mutable_create_topic()->set_name(Topic());
      if (Chance(70)) *command->mutable_create_topic()->mutable_publishers() = List(model);
      break;
    case 3:
      command->mutable_delete_topic()->set_name(Topic());
      break;
    case 4:
      if (Chance(50)) command->mutable_unsubscribe()->set_topic(Topic());
      for (const auto& [id, subscription] : model.subscriptions) {
        if (Chance(60)) continue;
        command->mutable_unsubscribe()->set_id(id);
        if (Chance(80)) command->set_user(subscription.user);
      }
      break;
    default: {
      auto* subscribe = command->mutable_subscribe();
      if (Chance(60)) subscribe->set_topic(Topic());
      if (subscribe->topic().empty() || Chance(odd_percent_)) subscribe->set_pattern(Pattern());
      if (Chance(50)) {
        const std::string queue = Queue(model);
        subscribe->set_queue(queue);
        auto it = model.queues.find(queue);
        if (it != model.queues.end() && Chance(70)) command->set_user(it->second.owner);
      }
    }
  }
}

}  // namespace mom::broker::test
