#include "tests/core/view_check_parts.h"

#include <map>
#include <sstream>

#include "core/broker/keys.h"

namespace mom::broker::test {

std::string Printable(const std::string& key) {
  std::ostringstream out;
  for (char c : key) {
    if (c > 32 && c < 127) out << c;
    if (c <= 32 || c == 127) out << "\\" << static_cast<int>(static_cast<unsigned char>(c));
  }
  return out.str();
}

void Count(char table, const v1::MessageState& state, v1::QueueCounts* counts) {
  counts->set_bytes(counts->bytes() + state.bytes());
  if (table == keys::kLeased) {
    counts->set_leased(counts->leased() + 1);
  } else if (table == keys::kDelayed) {
    counts->set_delayed(counts->delayed() + 1);
  } else if (table == keys::kDead) {
    counts->set_dead(counts->dead() + 1);
  } else if (table == keys::kWaiting) {
    counts->set_blocked(counts->blocked() + 1);
  } else {
    counts->set_ready(counts->ready() + 1);
  }
}

std::string CheckSettled(const MemoryView& view) {
  std::string problems;
  const std::string floor = view.Get(keys::SettledFloor()).value_or("");
  const auto& contents = view.contents();
  const std::string table(1, keys::kSettled);
  for (auto it = contents.lower_bound(table); it != contents.end() && it->first.starts_with(table); ++it) {
    v1::SettledLease settled;
    if (it->first.size() != 17 || !settled.ParseFromString(it->second) || settled.ids_size() == 0 ||
        settled.queue() == 0 || settled.user().empty())
      problems += "nothing acknowledged: " + Printable(it->first) + "\n";
    if (it->first.substr(1) < floor) problems += "below the floor: " + Printable(it->first) + "\n";
  }
  return problems;
}

std::string CheckBlockedHeads(const MemoryView& view) {
  std::map<uint64_t, uint64_t> heads;  // By queue. Keys are in order: the first one is the lowest.
  std::string problems;
  for (const auto& [key, value] : view.contents()) {
    if (key[0] == keys::kWaiting) heads.emplace(keys::ReadU64(key, 1), keys::ReadU64(key, 9));
  }
  for (const auto& [key, value] : view.contents()) {
    if (key[0] != keys::kQueueState) continue;
    v1::QueueState state;
    const uint64_t queue = keys::ReadU64(key, 1);
    if (!state.ParseFromString(value) || state.blocked_head() != heads[queue])
      problems += "queue " + std::to_string(queue) + ": another message is the first blocked one\n";
  }
  return problems;
}

}  // namespace mom::broker::test
