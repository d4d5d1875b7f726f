// The naive model's users and sessions.
#include <algorithm>

#include "tests/core/naive_model.h"

namespace mom::broker::test {

Expected NaiveModel::Do(const v1::CreateUser& c) {
  Expected e;
  if (!GoodName(c.name()) || c.password_hash().empty() || c.password_hash().size() > 512) {
    e.errors.insert(v1::ERROR_MALFORMED);
  }
  if (c.admin() && !users.empty()) e.errors.insert(v1::ERROR_NOT_ALLOWED);
  if (users.contains(c.name())) e.errors.insert(v1::ERROR_USER_EXISTS);
  if (e.errors.empty()) users[c.name()] = NaiveUser{NewPosition(), c.admin(), now_ms_};
  return e;
}

Expected NaiveModel::Do(const v1::ChangePassword& c) {
  Expected e;
  if (c.password_hash().empty() || c.password_hash().size() > 512 || !GoodName(c.name())) {
    e.errors.insert(v1::ERROR_MALFORMED);
  }
  if (c.name() != user_) e.errors.insert(v1::ERROR_NOT_ALLOWED);
  if (users.at(user_).revision != c.password_revision()) e.errors.insert(v1::ERROR_CREDENTIALS_CHANGED);
  if (!e.errors.empty()) return e;
  users[user_].revision = NewPosition();
  std::erase_if(sessions, [&](const auto& s) { return s.second.user == user_ && s.first != session_; });
  return e;
}

Expected NaiveModel::Do(const v1::UpdateUser& c) {
  Expected e;
  const bool sets_hash = c.has_password_hash();
  if (!GoodName(c.name()) || (!sets_hash && !c.has_admin()) ||
      (sets_hash && (c.password_hash().empty() || c.password_hash().size() > 512))) {
    e.errors.insert(v1::ERROR_MALFORMED);
  }
  if (!admin_ || (sets_hash && c.name() == user_)) e.errors.insert(v1::ERROR_NOT_ALLOWED);
  auto user = users.find(c.name());
  if (user == users.end()) e.errors.insert(v1::ERROR_USER_NOT_FOUND);
  if (!e.errors.empty()) return e;
  const auto admins = std::count_if(users.begin(), users.end(), [](auto& u) { return u.second.admin; });
  if (c.has_admin() && !c.admin() && user->second.admin && admins == 1) {
    return Expected{{v1::ERROR_LAST_ADMIN}, {}};
  }
  if (c.has_admin()) user->second.admin = c.admin();
  if (sets_hash) user->second.revision = NewPosition();
  std::erase_if(sessions, [&](const auto& s) { return s.second.user == c.name() && s.first != session_; });
  return e;
}

Expected NaiveModel::Do(const v1::DeleteUser& c) {
  const std::string& name = c.name();
  if (!GoodName(name)) return Expected{{v1::ERROR_MALFORMED}, {}};
  if (name != user_ && !admin_) return Expected{{v1::ERROR_NOT_ALLOWED}, {}};
  if (!users.contains(name)) return Expected{{v1::ERROR_USER_NOT_FOUND}, {}};
  const auto admins = std::count_if(users.begin(), users.end(), [](auto& u) { return u.second.admin; });
  if (users[name].admin && admins == 1) return Expected{{v1::ERROR_LAST_ADMIN}, {}};
  for (const auto& [queue_name, queue] : queues) {
    if (queue.owner == name && !queue.items.empty()) return Expected{{v1::ERROR_USER_OWNS_MESSAGES}, {}};
  }
  for (auto& [queue_name, queue] : queues) {
    for (auto& item : queue.items) {
      if (item.where != Where::kLeased || item.holder != name) continue;
      item.attempt -= 1;
      item.lease = 0;
      item.holder = "";
      item.expiry_seen = false;
      item.not_before_ms = 0;
      item.where = Where::kReady;
    }
  }
  std::erase_if(subscriptions, [&](const auto& s) { return s.second.user == name; });
  std::vector<std::string> own_queues, own_topics;
  for (const auto& [queue_name, queue] : queues)
    if (queue.owner == name) own_queues.push_back(queue_name);
  for (const auto& [topic_name, topic] : topics)
    if (topic.owner == name) own_topics.push_back(topic_name);
  for (const auto& queue_name : own_queues) RemoveQueue(queue_name);
  for (const auto& topic_name : own_topics) RemoveTopic(topic_name);
  for (auto& [queue_name, queue] : queues) {
    for (auto* list : {queue.settings.mutable_senders(), queue.settings.mutable_receivers()}) {
      auto* names = list->mutable_users();
      names->erase(std::remove(names->begin(), names->end(), name), names->end());
    }
    if (queue.settings.receiver() == name) queue.settings.clear_receiver();
  }
  for (auto& [topic_name, topic] : topics) topic.publishers.erase(name);
  std::erase_if(sessions, [&](const auto& s) { return s.second.user == name; });
  users.erase(name);
  return Expected();
}

Expected NaiveModel::Do(const v1::CreateSession& c) {
  Expected e;
  if (!GoodName(c.name()) || c.token_hash().size() != 32 || c.ttl_ms() <= 0 || c.ttl_ms() > kYearMs ||
      c.address().size() > 64 || sessions.contains(c.token_hash())) {
    e.errors.insert(v1::ERROR_MALFORMED);
  }
  auto user = users.find(c.name());
  if (user == users.end() || user->second.revision != c.password_revision()) {
    e.errors.insert(v1::ERROR_CREDENTIALS_CHANGED);
  }
  if (!e.errors.empty()) return e;
  // At the limit one that is over goes, else the oldest: the first of these in this order.
  const auto of_user = [&](const auto& s) { return s.second.user == c.name(); };
  const auto goes_first = [&](const auto& a, const auto& b) {
    const bool a_lives = a.second.expires_ms > now_ms_, b_lives = b.second.expires_ms > now_ms_;
    return std::pair(a_lives, a.second.id) < std::pair(b_lives, b.second.id);
  };
  if (std::count_if(sessions.begin(), sessions.end(), of_user) >= 1000) {
    auto goes = std::find_if(sessions.begin(), sessions.end(), of_user);
    for (auto it = goes; it != sessions.end(); ++it)
      if (of_user(*it) && goes_first(*it, *goes)) goes = it;
    sessions.erase(goes);
  }
  const NaiveSession made{c.name(), now_ms_ + c.ttl_ms(), NewPosition(), c.address()};
  sessions[c.token_hash()] = made;
  e.reply.mutable_session()->set_expires_at_ms(made.expires_ms);
  e.reply.mutable_session()->set_id(made.id);
  return e;
}

Expected NaiveModel::Do(const v1::DeleteSession& c) {
  auto session = sessions.find(c.token_hash());
  if (session == sessions.end() || session->second.user != user_) {
    return Expected{{v1::ERROR_SESSION_INVALID}, {}};
  }
  sessions.erase(session);
  return Expected();
}

Expected NaiveModel::Do(const v1::DeleteSessions& c) {
  Expected e;
  if (!GoodName(c.user()) || (c.id() != 0 && c.keep_current())) e.errors.insert(v1::ERROR_MALFORMED);
  if (c.user() != user_ && !admin_) e.errors.insert(v1::ERROR_NOT_ALLOWED);
  if (!users.contains(c.user())) e.errors.insert(v1::ERROR_USER_NOT_FOUND);
  if (!e.errors.empty()) return e;
  const auto ended = std::erase_if(sessions, [&](const auto& s) {
    if (s.second.user != c.user() || (c.keep_current() && s.first == session_)) return false;
    return c.id() == 0 || s.second.id == c.id();
  });
  if (c.id() != 0 && ended == 0) e.errors.insert(v1::ERROR_SESSION_NOT_FOUND);
  e.reply.mutable_count()->set_count(ended);
  return e;
}

}  // namespace mom::broker::test
