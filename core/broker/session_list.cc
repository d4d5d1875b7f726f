#include "core/broker/session_list.h"

#include "core/broker/keys.h"

namespace mom::broker {

std::vector<ListedSession> ListSessions(const ViewReader& view, std::string_view user, uint64_t from,
                                        size_t max) {
  std::vector<ListedSession> sessions;
  const std::string prefix = keys::Prefix(keys::kSessionOf, user);
  auto it = view.NewIterator();
  for (it->Seek(keys::SessionOf(user, from));
       sessions.size() < max && it->Valid() && it->key().starts_with(prefix); it->Next()) {
    sessions.push_back({keys::ReadU64(it->key(), prefix.size()),
                        static_cast<int64_t>(keys::ReadU64(it->value(), 0)),
                        std::string(it->value().substr(8))});
  }
  return sessions;
}

std::string SessionOfValue(int64_t expires_ms, std::string_view token_hash) {
  std::string value;
  keys::AppendU64(&value, static_cast<uint64_t>(expires_ms));
  return value.append(token_hash);
}

}  // namespace mom::broker
