// Topics, publishing and transactions of the naive model.
#include <algorithm>
#include <cstdio>
#include <regex>

#include "tests/core/naive_model.h"

namespace mom::broker::test {
namespace {

constexpr int64_t kDayMs = 24LL * 3600 * 1000;

bool GoodPattern(const std::string& pattern) {
  static const std::regex form("([A-Za-z0-9_-]+|\\*|#)(\\.([A-Za-z0-9_-]+|\\*|#))*");
  return pattern.size() <= 128 && std::regex_match(pattern, form);
}

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> words(1);
  for (char c : text) {
    if (c == '.') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  return words;
}

bool Matches(const std::vector<std::string>& pattern, size_t p, const std::vector<std::string>& topic,
             size_t t) {
  if (p == pattern.size()) return t == topic.size();
  if (pattern[p] == "#") {
    return Matches(pattern, p + 1, topic, t) || (t < topic.size() && Matches(pattern, p, topic, t + 1));
  }
  return t < topic.size() && (pattern[p] == "*" || pattern[p] == topic[t]) &&
         Matches(pattern, p + 1, topic, t + 1);
}

bool GoodMessage(const v1::NewMessage& m) {
  size_t text =
      m.content_type().size() + m.content_encoding().size() + m.reply_to().size() + m.correlation_id().size();
  std::set<std::string> names;
  for (const auto& header : m.headers()) {
    text += header.name().size() + header.value().size();
    std::string name = header.name();
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (name.substr(0, 4) == "mom-" || !names.insert(name).second) return false;
  }
  return m.body().size() <= 1024 * 1024 && text <= 8192 && m.priority() <= 9 && m.delay_ms() >= 0 &&
         m.delay_ms() <= kYearMs && m.ttl_ms() >= 0 && m.ttl_ms() <= kYearMs &&
         (m.ttl_ms() == 0 || m.ttl_ms() > m.delay_ms()) && m.group().size() <= 255 &&
         m.dedup_id().size() <= 255;
}

}  // namespace

Expected NaiveModel::Do(const v1::CreateTopic& c) {
  Expected e;
  if (!GoodName(c.name())) e.errors.insert(v1::ERROR_MALFORMED);
  v1::UserList list = c.publishers();
  CheckList(&list, &e.errors);
  const std::set<std::string> publishers(list.users().begin(), list.users().end());
  auto topic = topics.find(c.name());
  const bool alike = topic != topics.end() && topic->second.owner == user_ &&
                     topic->second.publishers == publishers && topic->second.anyone == list.anyone();
  if (topic != topics.end() && !alike) e.errors.insert(v1::ERROR_TOPIC_EXISTS);
  if (!e.errors.empty()) return e;
  e.reply.set_existed(alike);
  if (!alike) topics[c.name()] = NaiveTopic{NewPosition(), user_, publishers, list.anyone(), {}};
  return e;
}

Expected NaiveModel::Do(const v1::DeleteTopic& c) {
  if (!GoodName(c.name())) return Expected{{v1::ERROR_MALFORMED}, {}};
  if (!topics.contains(c.name())) return Expected{{v1::ERROR_TOPIC_NOT_FOUND}, {}};
  if (topics[c.name()].owner != user_) return Expected{{v1::ERROR_NOT_OWNER}, {}};
  RemoveTopic(c.name());
  return Expected();
}

void NaiveModel::RemoveTopic(const std::string& name) {
  std::erase_if(subscriptions, [&](const auto& s) { return s.second.topic == name; });
  topics.erase(name);
}

Expected NaiveModel::Do(const v1::Subscribe& c) {
  Expected e;
  if (c.topic().empty() == c.pattern().empty()) return Expected{{v1::ERROR_MALFORMED}, {}};
  if (c.topic().empty() && !GoodPattern(c.pattern())) e.errors.insert(v1::ERROR_MALFORMED);
  if (!c.topic().empty() && !GoodName(c.topic())) e.errors.insert(v1::ERROR_MALFORMED);
  if (!c.topic().empty() && !topics.contains(c.topic())) e.errors.insert(v1::ERROR_TOPIC_NOT_FOUND);
  if (!e.errors.empty()) return e;
  for (const auto& [id, s] : subscriptions) {
    if (s.user != user_ || s.topic != c.topic() || s.pattern != c.pattern()) continue;
    if (!c.queue().empty() && c.queue() != s.queue) return Expected{{v1::ERROR_SUBSCRIPTION_EXISTS}, {}};
    e.reply.set_existed(true);
    e.reply.mutable_subscribe()->set_id(id);
    e.reply.mutable_subscribe()->set_queue(s.queue);
    return e;
  }
  const uint64_t id = NewPosition();
  std::string queue = c.queue();
  if (queue.empty()) {
    char name[32];
    std::snprintf(name, sizeof name, "sub-%016llx", static_cast<unsigned long long>(id));
    queue = name;
    v1::CreateQueue create;
    create.set_name(queue);
    if (Expected made = Do(create); !made.errors.empty()) return made;
  } else if (!Owned(queue, &e.errors)) {
    return e;
  }
  subscriptions[id] = NaiveSubscription{user_, c.topic(), c.pattern(), queue};
  e.reply.mutable_subscribe()->set_id(id);
  e.reply.mutable_subscribe()->set_queue(queue);
  return e;
}

Expected NaiveModel::Do(const v1::Unsubscribe& c) {
  if (!c.topic().empty() && !GoodName(c.topic())) return Expected{{v1::ERROR_MALFORMED}, {}};
  const auto gone = std::erase_if(subscriptions, [&](const auto& s) {
    if (s.second.user != user_) return false;
    return c.topic().empty() ? s.first == c.id() : s.second.topic == c.topic();
  });
  return gone ? Expected() : Expected{{v1::ERROR_SUBSCRIPTION_NOT_FOUND}, {}};
}

std::set<std::string> NaiveModel::Route(const std::string& topic) const {
  std::set<std::string> found;
  for (const auto& [id, s] : subscriptions) {
    const bool matches = s.pattern.empty() ? s.topic == topic : Matches(Split(s.pattern), 0, Split(topic), 0);
    if (matches) found.insert(s.queue);
  }
  return found;
}

Expected NaiveModel::Do(const v1::Publish& c) {
  Expected e;
  if (c.queue().empty() == c.topic().empty() || c.messages_size() < 1 || c.messages_size() > 1000) {
    return Expected{{v1::ERROR_MALFORMED}, {}};
  }
  for (const auto& message : c.messages()) {
    if (!GoodMessage(message)) e.errors.insert(v1::ERROR_MALFORMED);
  }
  NaiveDedup* dedup = nullptr;
  NaiveQueue* queue = nullptr;
  if (c.topic().empty()) {
    queue = Visible(c.queue(), &e.errors);
    if (!queue) return e;
    if (!MaySend(*queue, user_)) e.errors.insert(v1::ERROR_NOT_ALLOWED);
    for (const auto& message : c.messages()) {
      const int64_t ttl_ms = message.ttl_ms() ? message.ttl_ms() : queue->settings.ttl_ms();
      if (ttl_ms != 0 && ttl_ms <= message.delay_ms()) e.errors.insert(v1::ERROR_MALFORMED);
    }
    dedup = &queue->dedup;
  } else {
    if (!GoodName(c.topic())) e.errors.insert(v1::ERROR_MALFORMED);
    auto topic = topics.find(c.topic());
    if (topic == topics.end()) e.errors.insert(v1::ERROR_TOPIC_NOT_FOUND);
    if (topic == topics.end()) return e;
    const NaiveTopic& t = topic->second;
    if (t.owner != user_ && !t.anyone && !t.publishers.contains(user_))
      e.errors.insert(v1::ERROR_NOT_ALLOWED);
    dedup = &topic->second.dedup;
  }
  v1::PublishReply* reply = e.reply.mutable_publish();
  std::vector<std::pair<uint64_t, const v1::NewMessage*>> fresh;
  uint64_t bytes = 0;
  for (const auto& message : c.messages()) {
    uint64_t id = NewPosition();
    auto known = dedup->find(message.dedup_id());
    const bool repeat =
        !message.dedup_id().empty() && known != dedup->end() && known->second.second > now_ms_;
    if (repeat) id = known->second.first;
    if (!repeat && !message.dedup_id().empty()) (*dedup)[message.dedup_id()] = {id, now_ms_ + kDayMs};
    reply->add_ids(id);
    reply->add_duplicates(repeat);
    if (!repeat) fresh.emplace_back(id, &message);
    if (!repeat) bytes += message.body().size();
  }
  if (static_cast<int>(fresh.size()) == c.messages_size()) reply->clear_duplicates();
  if (queue && !fresh.empty()) {
    if (queue->settings.closed()) e.errors.insert(v1::ERROR_QUEUE_CLOSED);
    if (!HasRoom(*queue, fresh.size(), bytes)) e.errors.insert(v1::ERROR_QUEUE_FULL);
  }
  if (!e.errors.empty() || fresh.empty()) return e;
  std::vector<NaiveQueue*> targets;
  if (queue) targets.push_back(queue);
  if (!queue) {
    for (const auto& name : Route(c.topic())) {
      NaiveQueue* target = &queues.at(name);
      const bool takes = !target->settings.closed() && HasRoom(*target, fresh.size(), bytes);
      if (takes) targets.push_back(target);
      if (!takes) reply->set_skipped(reply->skipped() + 1);
    }
  }
  reply->set_delivered(static_cast<uint32_t>(targets.size()));
  for (const auto& [id, m] : fresh) {
    auto letter = std::make_shared<v1::Envelope>();
    letter->set_sender(user_);
    letter->set_sent_ms(now_ms_);
    letter->set_body(m->body());
    letter->set_content_type(m->content_type());
    letter->set_content_encoding(m->content_encoding());
    letter->set_topic(c.topic());
    letter->set_priority(m->priority());
    letter->set_group(m->group());
    letter->set_reply_to(m->reply_to());
    letter->set_correlation_id(m->correlation_id());
    *letter->mutable_headers() = m->headers();
    for (NaiveQueue* target : targets) {
      NaiveItem item;
      item.id = id;
      item.letter = letter;
      const int64_t ttl_ms = m->ttl_ms() ? m->ttl_ms() : target->settings.ttl_ms();
      if (ttl_ms) item.expires_ms = now_ms_ + ttl_ms;
      Insert(target, std::move(item), m->delay_ms() ? now_ms_ + m->delay_ms() : 0);
    }
  }
  return e;
}

Expected NaiveModel::Do(const v1::Transaction& c) {
  int weight = 0;
  for (const auto& o : c.operations()) {
    weight += o.publish().messages_size() + o.ack().receipts_size() + o.nack().receipts_size();
  }
  if (c.operations_size() < 1 || c.operations_size() > 1000 || weight > 1000) {
    return Expected{{v1::ERROR_MALFORMED}, {}};
  }
  Expected all;
  for (int i = 0; i < c.operations_size(); ++i) {
    const auto& o = c.operations(i);
    Expected one{{v1::ERROR_MALFORMED}, {}};
    if (o.has_publish()) one = Do(o.publish());
    if (o.has_ack()) one = Do(o.ack(), true);
    if (o.has_nack()) one = Do(o.nack(), true);
    if (!one.errors.empty() || one.reply.receipts().failed_size() > 0) {
      Expected failed{{v1::ERROR_TRANSACTION_FAILED}, {}};
      failed.reply.mutable_transaction()->set_failed_index(static_cast<uint32_t>(i));
      return failed;
    }
    *all.reply.mutable_transaction()->add_results() = one.reply;
  }
  return all;
}

}  // namespace mom::broker::test
