// C1 losses, C2 phantoms, C3 repeats, C6 keys.
#include <algorithm>
#include <limits>

#include "tests/cluster/check_index.h"

namespace mom::cluster {
namespace {

std::string Name(const Message& message) {
  return "message " + Hex(message.payload) + " of " + std::string(message.queue);
}

bool MayHaveEnded(const std::vector<Settlement>& settlements) {
  return std::any_of(settlements.begin(), settlements.end(), [](const auto& s) { return !s.refused; });
}

// Somebody has it, or said to be done with it, or may have.
bool IsTaken(const Message& message) {
  const auto& deliveries = message.deliveries;
  return MayHaveEnded(message.acks) || MayHaveEnded(message.removals) ||
         std::any_of(deliveries.begin(), deliveries.end(), [](const auto& d) { return d.automatic; });
}

// What may have gone from one queue without anybody having seen what.
struct Holes {
  uint64_t unseen_max = 0;     // Messages in answers that never came.
  uint64_t emptied_until = 0;  // Purged or deleted, at the latest then.
};

std::map<std::string_view, Holes> FindHoles(const Index& index) {
  std::map<std::string_view, Holes> holes;
  for (const Request& request : index.requests()) {
    const Event& invoke = *request.tries.front()->invoke;
    if (request.refused) continue;
    if (invoke.action == Action::kReceive && invoke.automatic && request.first_ok == nullptr)
      holes[invoke.queue].unseen_max += invoke.number == kNone ? 1 : invoke.number;
    if (invoke.action != Action::kPurge && invoke.action != Action::kDeleteQueue) continue;
    uint64_t& until = holes[invoke.queue].emptied_until;
    until = std::max(until, request.first_ok == nullptr ? kNone : request.first_ok->end);
  }
  return holes;
}

}  // namespace

void CheckLosses(const Index& index, Report* report) {
  Verdict& verdict = report->verdict();
  const auto holes = FindHoles(index);
  std::map<std::string_view, std::vector<const Message*>> lost;
  for (const auto& [payload, message] : index.messages()) {
    if (!message.deliveries.empty()) ++verdict.delivered_messages;
    if (message.ok() == nullptr) {
      if (!message.deliveries.empty() && !message.sent.front()->refused) ++verdict.recovered_messages;
      continue;
    }
    ++verdict.acknowledged_messages;
    if (IsTaken(message)) continue;
    const auto drained = index.drained().find(message.queue);
    const auto hole = holes.find(message.queue);
    const bool is_emptied = hole != holes.end() && hole->second.emptied_until > message.sent.front()->begin;
    if (drained == index.drained().end() || message.ok()->end > drained->second || is_emptied) {
      if (!is_emptied) ++verdict.unjudged_messages;
      continue;
    }
    lost[message.queue].push_back(&message);
  }
  for (const auto& [queue, messages] : lost) {
    const auto hole = holes.find(queue);
    if (hole != holes.end() && messages.size() <= hole->second.unseen_max) {
      verdict.unjudged_messages += messages.size();
      continue;
    }
    for (const Message* message : messages) {
      report->Add("C1", Name(*message) + " was acknowledged to " + Describe(*message->ok()) +
                            " and is not in the queue at the end, though nobody took it off");
    }
  }
}

void CheckPhantoms(const Index& index, Report* report) {
  for (const Delivery& stray : index.strays()) {
    report->Add("C2", "nobody sent what was delivered from " + std::string(stray.queue) + " to " +
                          std::string(stray.client) + " as id " + Hex(stray.item.id));
  }
  for (const auto& [payload, message] : index.messages()) {
    uint64_t id = message.id;
    for (const Delivery& delivery : message.deliveries) {
      const std::string what = Name(message) + ", delivered to " + std::string(delivery.client);
      if (delivery.item.hash != message.hash) report->Add("C2", what + ", is not as it was sent");
      if (delivery.queue != message.queue)
        report->Add("C2", what + ", came from " + std::string(delivery.queue));
      if (id != 0 && delivery.item.id != id && message.sent.size() == 1) {
        const bool has_key = !message.sent.front()->tries.front()->invoke->key.empty();
        report->Add(has_key ? "C6" : "C2",
                    what + ", is there twice: as id " + Hex(id) + " and " + Hex(delivery.item.id));
      }
      id = delivery.item.id;
    }
  }
}

void CheckRepeats(const Index& index, Report* report) {
  for (const auto& [payload, message] : index.messages()) {
    const auto& deliveries = message.deliveries;
    // The first sure end of the message: by time and by place in the log.
    uint64_t end = kNone, offset = kNone;
    for (const Settlement& ack : message.acks) {
      if (!ack.operation->ok() || ack.refused) continue;
      end = std::min(end, ack.operation->end);
      offset = std::min(offset, ack.operation->offset());
    }
    for (const Delivery& delivery : deliveries) {
      if (!delivery.automatic) continue;
      end = std::min(end, delivery.end);
      offset = std::min(offset, delivery.offset);
    }
    for (size_t i = 0; i < deliveries.size(); ++i) {
      const Delivery& delivery = deliveries[i];
      const std::string what = Name(message) + " was delivered to " + std::string(delivery.client) +
                               " at offset " + std::to_string(delivery.offset);
      if (delivery.begin > end || (delivery.offset > offset && offset != kNone))
        report->Add("C3", what + " after it was acknowledged (offset " + std::to_string(offset) + ")");
      if (delivery.item.attempt <= i)
        report->Add("C3", what + " as attempt " + std::to_string(delivery.item.attempt) + " after " +
                              std::to_string(i) + " others");
      if (i > 0 && delivery.item.attempt <= deliveries[i - 1].item.attempt)
        report->Add("C3", what + " with an attempt that does not count up");
    }
    if (deliveries.size() > 1) report->verdict().repeated_deliveries += deliveries.size() - 1;
  }
}

void CheckKeys(const Index& index, Report* report) {
  for (const Request& request : index.requests()) {
    if (request.tries.size() < 2 || request.first_ok == nullptr) continue;
    const Operation& first = *request.first_ok;
    for (const Operation* repeat : request.tries) {
      if (repeat == &first || !repeat->ok()) continue;
      const std::string what = Describe(*repeat) + " repeats the key of " + Describe(first);
      const bool same_request = repeat->invoke->action == first.invoke->action &&
                                repeat->invoke->queue == first.invoke->queue &&
                                repeat->invoke->items == first.invoke->items;
      if (!same_request) {
        report->Add("C6", what + " with another request, and was not refused");
      } else if (repeat->offset() != first.offset()) {
        report->Add("C6", what + " and has another offset");
      } else if (repeat->answer->items != first.answer->items) {
        report->Add("C6", what + " and has another answer");
      }
    }
  }
}

}  // namespace mom::cluster
