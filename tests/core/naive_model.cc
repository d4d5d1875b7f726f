#include "tests/core/naive_model.h"

#include <algorithm>
#include <regex>

namespace mom::broker::test {
namespace {

constexpr int64_t kDayMs = 24LL * 3600 * 1000;

bool Named(const v1::UserList& list, const std::string& user) {
  return list.anyone() || std::find(list.users().begin(), list.users().end(), user) != list.users().end();
}

v1::Reply Differ(const v1::Reply& reply) {
  v1::Reply plain = reply;
  plain.clear_detail();
  return plain;
}

}  // namespace

bool GoodName(const std::string& name) {
  static const std::regex form("[A-Za-z0-9][A-Za-z0-9._-]{0,127}");
  return name.size() <= 128 && std::regex_match(name, form);
}

std::string NaiveModel::Step(const v1::Command& command, uint64_t offset, int64_t now_ms,
                             const v1::Reply& actual) {
  offset_ = offset;
  now_ms_ = now_ms;
  positions_ = 0;
  const auto key = std::pair(command.user(), command.idempotency_key());
  const NaiveModel before = *this;
  Expected expected;
  const bool anonymous = command.has_create_user() || command.has_create_session();
  auto session = sessions.find(command.session_hash());
  const bool alive = session != sessions.end() && session->second.user == command.user() &&
                     session->second.expires_ms > now_ms && !command.user().empty();
  auto kept = keys.find(key);
  if (kept != keys.end() && (kept->second.created_ms + kDayMs <= now_ms ||
                             (alive && kept->second.created_ms < users[command.user()].created_ms))) {
    kept = keys.end();
  }
  if (command.idempotency_key().size() > 255 || command.user().size() > 128) {
    return actual.error() == v1::ERROR_MALFORMED ? "" : "expected: malformed";
  }
  if (!alive && !(anonymous && command.user().empty())) {
    return actual.error() == v1::ERROR_SESSION_INVALID ? "" : "expected: no session";
  }
  if (!command.idempotency_key().empty() && kept != keys.end()) {
    if (kept->second.request_hash != command.request_hash()) {
      return actual.error() == v1::ERROR_KEY_REUSED ? "" : "expected: key reused";
    }
    v1::Reply again = kept->second.reply;
    again.set_replayed(true);
    return again.SerializeAsString() == actual.SerializeAsString() ? "" : "expected the first answer again";
  }
  user_ = command.user();
  admin_ = !user_.empty() && users[user_].admin;
  session_ = command.session_hash();
  keep_bodies_ = !command.idempotency_key().empty();
  expected = Run(command);
  if (!expected.errors.empty()) *this = before;
  if (!command.idempotency_key().empty() && expected.errors.empty()) {
    keys[key] = NaiveKey{command.request_hash(), now_ms, actual};
  }
  if (!expected.errors.empty()) {
    if (!expected.errors.contains(actual.error())) {
      return "expected error " + std::to_string(*expected.errors.begin());
    }
    if (actual.error() != v1::ERROR_TRANSACTION_FAILED) return "";
    const auto& said = expected.reply.transaction();
    return said.failed_index() == actual.transaction().failed_index() ? "" : "another operation failed";
  }
  expected.reply.set_offset(offset);
  if (Differ(actual).SerializeAsString() == expected.reply.SerializeAsString()) return "";
  return "expected " + expected.reply.ShortDebugString();
}

Expected NaiveModel::Run(const v1::Command& command) {
  using C = v1::Command;
  switch (command.body_case()) {
    case C::kCreateUser:
      return Do(command.create_user());
    case C::kChangePassword:
      return Do(command.change_password());
    case C::kDeleteUser:
      return Do(command.delete_user());
    case C::kCreateSession:
      return Do(command.create_session());
    case C::kDeleteSession:
      return Do(command.delete_session());
    case C::kUpdateUser:
      return Do(command.update_user());
    case C::kDeleteSessions:
      return Do(command.delete_sessions());
    case C::kCreateQueue:
      return Do(command.create_queue());
    case C::kUpdateQueue:
      return Do(command.update_queue());
    case C::kDeleteQueue:
      return Do(command.delete_queue());
    case C::kPurgeQueue:
      return Do(command.purge_queue());
    case C::kPublish:
      return Do(command.publish());
    case C::kReceive:
      return Do(command.receive());
    case C::kAck:
      return Do(command.ack());
    case C::kNack:
      return Do(command.nack());
    case C::kExtend:
      return Do(command.extend());
    case C::kDeleteMessage:
      return Do(command.delete_message());
    case C::kRedrive:
      return Do(command.redrive());
    case C::kCreateTopic:
      return Do(command.create_topic());
    case C::kDeleteTopic:
      return Do(command.delete_topic());
    case C::kSubscribe:
      return Do(command.subscribe());
    case C::kUnsubscribe:
      return Do(command.unsubscribe());
    case C::kTransaction:
      return Do(command.transaction());
    case C::BODY_NOT_SET:
      break;
  }
  return Expected{{v1::ERROR_MALFORMED}, {}};
}

void NaiveModel::CheckList(v1::UserList* list, std::set<int>* errors) const {
  if (list->users_size() > 1000) errors->insert(v1::ERROR_MALFORMED);
  const std::set<std::string> sorted(list->users().begin(), list->users().end());
  list->clear_users();
  for (const auto& name : sorted) {
    list->add_users(name);
    if (!GoodName(name)) errors->insert(v1::ERROR_MALFORMED);
    if (!users.contains(name)) errors->insert(v1::ERROR_USER_NOT_FOUND);
  }
}

void NaiveModel::CheckSettings(const std::string& name, v1::QueueSettings* s, std::set<int>* errors) const {
  if (s->lease_ms() < 1 || s->lease_ms() > 12LL * 3600 * 1000 || s->max_attempts() < 1 ||
      s->max_attempts() > 1000 || s->retry_delay_ms() < 0 || s->retry_delay_ms() > kYearMs ||
      s->ttl_ms() < 0 || s->ttl_ms() > kYearMs) {
    errors->insert(v1::ERROR_MALFORMED);
  }
  if (!s->receiver().empty()) {
    if (s->has_senders() || s->has_receivers() || !GoodName(s->receiver())) {
      errors->insert(v1::ERROR_MALFORMED);
    }
    if (!users.contains(s->receiver())) errors->insert(v1::ERROR_USER_NOT_FOUND);
  }
  CheckList(s->mutable_senders(), errors);
  CheckList(s->mutable_receivers(), errors);
  if (s->dead_letter().empty()) return;
  if (!GoodName(s->dead_letter())) errors->insert(v1::ERROR_MALFORMED);
  auto target = queues.find(s->dead_letter());
  if (s->dead_letter() == name || target == queues.end() || !MaySend(target->second, user_)) {
    errors->insert(v1::ERROR_DEAD_LETTER_INVALID);
  }
}

Expected NaiveModel::Do(const v1::CreateQueue& c) {
  Expected e;
  if (!GoodName(c.name())) e.errors.insert(v1::ERROR_MALFORMED);
  v1::QueueSettings settings = c.settings();
  if (settings.lease_ms() == 0) settings.set_lease_ms(30'000);
  if (settings.max_attempts() == 0) settings.set_max_attempts(10);
  CheckSettings(c.name(), &settings, &e.errors);
  auto queue = queues.find(c.name());
  if (queue != queues.end()) settings.set_closed(queue->second.settings.closed());  // Nobody asks for that.
  const bool alike = queue != queues.end() && queue->second.owner == user_ &&
                     queue->second.settings.SerializeAsString() == settings.SerializeAsString();
  if (queue != queues.end() && !alike) e.errors.insert(v1::ERROR_QUEUE_EXISTS);
  if (!e.errors.empty()) return e;
  e.reply.set_existed(alike);
  if (alike) return e;
  NaiveQueue made;
  made.id = NewPosition();
  made.owner = user_;
  made.settings = settings;
  queues[c.name()] = std::move(made);
  return e;
}

Expected NaiveModel::Do(const v1::UpdateQueue& c) {
  Expected e;
  NaiveQueue* queue = Owned(c.name(), &e.errors);
  if (!queue) return e;
  v1::QueueSettings s = queue->settings;
  const bool pair = !s.receiver().empty();
  if (pair && (c.has_senders() || c.has_receivers())) e.errors.insert(v1::ERROR_MALFORMED);
  if (pair) s.clear_senders(), s.clear_receivers();
  if (c.has_lease_ms()) s.set_lease_ms(c.lease_ms());
  if (c.has_max_attempts()) s.set_max_attempts(c.max_attempts());
  if (c.has_retry_delay_ms()) s.set_retry_delay_ms(c.retry_delay_ms());
  if (c.has_ttl_ms()) s.set_ttl_ms(c.ttl_ms());
  if (c.has_max_messages()) s.set_max_messages(c.max_messages());
  if (c.has_max_bytes()) s.set_max_bytes(c.max_bytes());
  if (c.has_dead_letter()) s.set_dead_letter(c.dead_letter());
  if (c.has_closed()) s.set_closed(c.closed());
  if (!pair && c.has_senders()) *s.mutable_senders() = c.senders();
  if (!pair && c.has_receivers()) *s.mutable_receivers() = c.receivers();
  CheckSettings(c.name(), &s, &e.errors);
  if (!e.errors.empty()) return e;
  queue->settings = s;
  if (c.has_dead_letter()) queue->lost_dead_letter.clear();
  for (auto& [name, other] : queues) {
    if (other.settings.dead_letter() == c.name() && !MaySend(*queue, other.owner)) {
      other.settings.clear_dead_letter();
      other.lost_dead_letter = c.name();
    }
  }
  return e;
}

Expected NaiveModel::Do(const v1::DeleteQueue& c) {
  Expected e;
  NaiveQueue* queue = Owned(c.name(), &e.errors);
  if (!queue) return e;
  if (!queue->items.empty()) return Expected{{v1::ERROR_QUEUE_NOT_EMPTY}, {}};
  RemoveQueue(c.name());
  return e;
}

void NaiveModel::RemoveQueue(const std::string& name) {
  std::erase_if(subscriptions, [&](const auto& s) { return s.second.queue == name; });
  for (auto& [other_name, other] : queues) {
    if (other.settings.dead_letter() != name) continue;
    other.settings.clear_dead_letter();
    other.lost_dead_letter = name;
  }
  queues.erase(name);
}

bool NaiveModel::MaySend(const NaiveQueue& queue, const std::string& user) const {
  return queue.owner == user || (queue.settings.receiver().empty() && Named(queue.settings.senders(), user));
}

bool NaiveModel::Sees(const NaiveQueue& queue) const {
  return admin_ || queue.owner == user_ || MaySend(queue, user_) || queue.settings.receiver() == user_ ||
         (queue.settings.receiver().empty() && Named(queue.settings.receivers(), user_));
}

NaiveQueue* NaiveModel::Visible(const std::string& name, std::set<int>* errors) {
  if (!GoodName(name)) errors->insert(v1::ERROR_MALFORMED);
  auto queue = queues.find(name);
  if (queue == queues.end() || !Sees(queue->second)) {
    errors->insert(v1::ERROR_QUEUE_NOT_FOUND);
    return nullptr;
  }
  return &queue->second;
}

NaiveQueue* NaiveModel::Owned(const std::string& name, std::set<int>* errors) {
  NaiveQueue* queue = Visible(name, errors);
  if (!queue || queue->owner == user_) return queue;
  errors->insert(v1::ERROR_NOT_OWNER);
  return nullptr;
}

}  // namespace mom::broker::test
