#include "core/broker/access.h"

#include <algorithm>

#include "core/broker/limits.h"

namespace mom::broker {

bool Contains(const v1::UserList& list, std::string_view user) {
  return list.anyone() || std::binary_search(list.users().begin(), list.users().end(), user);
}

bool IsOwner(const v1::QueueRecord& queue, std::string_view user) {
  return queue.owner() == user;
}

bool MaySend(const v1::QueueRecord& queue, std::string_view user) {
  return IsOwner(queue, user) || Contains(queue.settings().senders(), user);
}

bool MayReceive(const v1::QueueRecord& queue, std::string_view user) {
  const v1::QueueSettings& settings = queue.settings();
  if (!settings.receiver().empty()) return settings.receiver() == user;
  return IsOwner(queue, user) || Contains(settings.receivers(), user);
}

bool MaySee(const v1::QueueRecord& queue, std::string_view user, bool admin) {
  return admin || IsOwner(queue, user) || MaySend(queue, user) || MayReceive(queue, user);
}

bool MayPublish(const v1::TopicRecord& topic, std::string_view user) {
  return topic.owner() == user || Contains(topic.publishers(), user);
}

bool IsName(std::string_view name) {
  auto alphanumeric = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  if (name.empty() || name.size() > kNameBytesMax || !alphanumeric(name[0])) return false;
  return std::all_of(name.begin(), name.end(),
                     [&](char c) { return alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

}  // namespace mom::broker
