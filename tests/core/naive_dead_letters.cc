// Dead letters of the naive model: what happens to a message whose attempts or time ran out.
#include <algorithm>

#include "tests/core/naive_model.h"

namespace mom::broker::test {

std::string NaiveModel::NameOf(const NaiveQueue* queue) const {
  for (const auto& [name, other] : queues)
    if (&other == queue) return name;
  return "";
}

std::string NaiveModel::Hindrance(const NaiveQueue& queue, const NaiveItem& item) const {
  if (item.attempt == 0 && item.idle_hops >= 8) return "it was moved 8 times without being received";
  if (item.hops >= 1000) return "it was moved 1000 times";
  const std::string& name = queue.settings.dead_letter();
  const NaiveQueue& target = queues.at(name);
  if (target.settings.closed()) return "dead-letter queue '" + name + "' is closed";
  if (!HasRoom(target, 1, item.letter->body().size())) return "dead-letter queue '" + name + "' is full";
  return "";
}

void NaiveModel::MoveToDeadLetter(NaiveQueue* queue, uint64_t id, const std::string& reason) {
  const NaiveItem item = *FindItem(queue, id);
  NaiveQueue* target = &queues.at(queue->settings.dead_letter());
  auto letter = std::make_shared<v1::Envelope>(*item.letter);
  std::vector<v1::DeadLetter> moves(letter->dead_letters().begin(), letter->dead_letters().end());
  moves.emplace_back();
  moves.back().set_queue(NameOf(queue));
  moves.back().set_reason(reason);
  moves.back().set_at_ms(now_ms_);
  if (moves.size() > 10) moves.erase(moves.begin());
  letter->clear_dead_letters();
  for (const auto& move : moves) *letter->add_dead_letters() = move;
  letter->set_dead_letter_count(letter->dead_letter_count() + 1);
  NaiveItem moved;
  moved.id = NewPosition();
  moved.letter = letter;
  moved.hops = item.hops + 1;
  moved.idle_hops = item.attempt > 0 ? 1 : item.idle_hops + 1;
  if (target->settings.ttl_ms()) moved.expires_ms = now_ms_ + target->settings.ttl_ms();
  Insert(target, std::move(moved), 0);
  Erase(queue, id);
}

void NaiveModel::Bury(NaiveQueue* queue, uint64_t id, const std::string& reason) {
  NaiveItem* item = FindItem(queue, id);
  std::string why;
  if (!queue->settings.dead_letter().empty()) {
    why = Hindrance(*queue, *item);
    if (why.empty()) return MoveToDeadLetter(queue, id, reason);
  } else if (!queue->lost_dead_letter.empty()) {
    why = "dead-letter queue '" + queue->lost_dead_letter +
          "' is gone or takes nothing from this queue's owner";
  }
  item->where = Where::kDead;
  item->reason = why.empty() ? reason : reason + "; not moved: " + why;
  item->expires_ms = 0;
  item->not_before_ms = 0;
  if (!item->letter->group().empty()) EndTurn(queue, id, item->letter->group());
}

void NaiveModel::Expire(NaiveQueue* queue, uint64_t id) {
  const bool had_dead_letter = !queue->settings.dead_letter().empty() || !queue->lost_dead_letter.empty();
  if (had_dead_letter) return Bury(queue, id, "time to live ran out");
  Erase(queue, id);
}

void NaiveModel::GiveBack(NaiveQueue* queue, uint64_t id, int64_t not_before_ms, const std::string& reason) {
  NaiveItem* item = FindItem(queue, id);
  if (item->expires_ms && item->expires_ms <= now_ms_) return Expire(queue, id);
  if (item->attempt < queue->settings.max_attempts()) {
    item->not_before_ms = not_before_ms;
    return Settle(queue, item);
  }
  Bury(queue, id, reason);
}

Expected NaiveModel::Do(const v1::Redrive& c) {
  Expected e;
  NaiveQueue* queue = Owned(c.queue(), &e.errors);
  if (!queue) return e;
  uint64_t count = 0, left = 0;
  for (auto& item : queue->items) {
    if (item.where != Where::kDead) continue;
    if (count >= std::clamp<uint32_t>(c.max(), 1, 1000)) {
      ++left;
      continue;
    }
    ++count;
    item.attempt = 0;
    item.came_back = false;
    item.lease = 0;
    item.reason = "";
    item.hops = 0;
    item.idle_hops = 0;
    item.expires_ms = queue->settings.ttl_ms() ? now_ms_ + queue->settings.ttl_ms() : 0;
    item.expiry_seen = false;
    item.where = Where::kReady;
    Settle(queue, &item);
  }
  e.reply.mutable_count()->set_count(count);
  e.reply.mutable_count()->set_more(left > 0);
  return e;
}

}  // namespace mom::broker::test
