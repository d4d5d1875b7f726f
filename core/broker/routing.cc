#include "core/broker/routing.h"

#include <algorithm>
#include <set>

#include "core/broker/access.h"
#include "core/broker/keys.h"

namespace mom::broker {
namespace {

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  for (;;) {
    const size_t dot = text.find('.');
    words.push_back(text.substr(0, dot));
    if (dot == std::string_view::npos) return words;
    text.remove_prefix(dot + 1);
  }
}

// Adds the queue of subscription `id`, whose bytes are a big-endian number.
void AddQueueOf(const Context& context, uint64_t id, std::set<std::string>* seen,
                std::vector<QueueHandle>* queues) {
  auto subscription = context.Get<v1::SubscriptionRecord>(keys::Subscription(id));
  MOM_CHECK(subscription.has_value(), id);
  if (!seen->insert(subscription->queue()).second) return;
  auto queue = FindQueue(context, subscription->queue());
  MOM_CHECK(queue.has_value(), subscription->queue());
  queues->push_back(*std::move(queue));
}

}  // namespace

bool MatchesPattern(std::string_view pattern, std::string_view topic) {
  const auto p = Words(pattern);
  const auto t = Words(topic);
  // reachable[j]: the pattern words so far match the first j topic words. Linear in words, no backtracking.
  std::vector<bool> reachable(t.size() + 1, false);
  reachable[0] = true;
  for (const auto& word : p) {
    std::vector<bool> next(t.size() + 1, false);
    for (size_t j = 0; j <= t.size(); ++j) {
      if (word == "#") {
        next[j] = reachable[j] || (j > 0 && next[j - 1]);
      } else if (j > 0) {
        next[j] = reachable[j - 1] && (word == "*" || word == t[j - 1]);
      }
    }
    reachable = std::move(next);
  }
  return reachable[t.size()];
}

bool IsPattern(std::string_view pattern) {
  if (pattern.empty() || pattern.size() > kNameBytesMax) return false;
  for (const auto& word : Words(pattern)) {
    const bool plain = std::all_of(word.begin(), word.end(), [](char c) {
      return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
             c == '-';
    });
    if (word.empty() || (word != "*" && word != "#" && !plain)) return false;
  }
  return true;
}

std::vector<QueueHandle> Route(const Context& context, const std::string& topic) {
  std::set<std::string> seen;
  std::vector<QueueHandle> queues;
  const std::string exact = keys::Prefix(keys::kSubscriberOf, topic);
  auto it = context.reader().NewIterator();
  for (it->Seek(exact); it->Valid() && it->key().starts_with(exact); it->Next()) {
    AddQueueOf(context, keys::ReadU64(it->value(), 0), &seen, &queues);
  }
  const std::string patterns(1, keys::kPatternOf);
  for (it->Seek(patterns); it->Valid() && it->key().starts_with(patterns); it->Next()) {
    const std::string_view key = it->key();
    const size_t user_bytes = static_cast<unsigned char>(key[1]);
    if (!MatchesPattern(key.substr(2 + user_bytes), topic)) continue;
    AddQueueOf(context, keys::ReadU64(it->value(), 0), &seen, &queues);
  }
  return queues;
}

}  // namespace mom::broker
