// C8 what reads must show, C13 sessions that ended.
#include <algorithm>
#include <set>

#include "tests/cluster/check_index.h"

namespace mom::cluster {
namespace {

size_t CountBelow(const std::vector<uint64_t>& sorted, uint64_t limit) {
  return static_cast<size_t>(std::lower_bound(sorted.begin(), sorted.end(), limit) - sorted.begin());
}

// When the message may have begun to go; kNone: nobody asked for that.
uint64_t MayGoFrom(const Message& message) {
  uint64_t from = kNone;
  for (const Settlement& ack : message.acks) {
    if (!ack.refused) from = std::min(from, ack.operation->begin);
  }
  for (const Settlement& removal : message.removals) from = std::min(from, removal.operation->begin);
  for (const Delivery& delivery : message.deliveries) {
    if (delivery.automatic) from = std::min(from, delivery.begin);
  }
  return from;
}

// What one queue must and may hold, as sorted times and offsets.
struct Contents {
  std::vector<uint64_t> tried;                        // Beginnings of sending, of each message.
  std::vector<uint64_t> answered;                     // Ends of sending, of each acknowledged message.
  std::vector<uint64_t> offsets;                      // Likewise.
  std::vector<uint64_t> going;                        // When a message may have begun to go.
  std::vector<std::pair<uint64_t, uint64_t>> unseen;  // Answers that nobody saw: since when, how many.
  uint64_t emptied_from = kNone;                      // Purged or deleted.
};

std::map<std::string_view, Contents> FindContents(const Index& index) {
  std::map<std::string_view, Contents> queues;
  for (const auto& [payload, message] : index.messages()) {
    if (message.sent.front()->refused) continue;
    Contents& contents = queues[message.queue];
    contents.tried.push_back(message.sent.front()->begin);
    if (const uint64_t from = MayGoFrom(message); from != kNone) contents.going.push_back(from);
    if (message.ok() == nullptr) continue;
    contents.answered.push_back(message.ok()->end);
    if (message.ok()->offset() != kNone) contents.offsets.push_back(message.ok()->offset());
  }
  for (const Request& request : index.requests()) {
    const Event& invoke = *request.tries.front()->invoke;
    if (request.refused) continue;
    Contents& contents = queues[invoke.queue];
    if (invoke.action == Action::kPurge || invoke.action == Action::kDeleteQueue)
      contents.emptied_from = std::min(contents.emptied_from, request.begin);
    if (invoke.action == Action::kReceive && invoke.automatic && request.first_ok == nullptr)
      contents.unseen.emplace_back(request.begin, invoke.number == kNone ? 1 : invoke.number);
  }
  for (auto& [queue, contents] : queues) {
    for (auto* times : {&contents.tried, &contents.answered, &contents.offsets, &contents.going})
      std::sort(times->begin(), times->end());
    // As running sums.
    std::sort(contents.unseen.begin(), contents.unseen.end());
    for (size_t i = 1; i < contents.unseen.size(); ++i)
      contents.unseen[i].second += contents.unseen[i - 1].second;
  }
  return queues;
}

void CheckCount(const Contents& contents, const Operation& read, Report* report) {
  const uint64_t number = read.answer->number;
  const uint64_t most = CountBelow(contents.tried, read.end);
  if (number > most)
    report->Add("C8", Describe(read) + " shows " + std::to_string(number) + " messages of " +
                          std::to_string(most) + " that were sent");
  if (contents.emptied_from < read.end) return;
  uint64_t least = 0;
  if (read.invoke->min != kNone) least = CountBelow(contents.offsets, read.invoke->min + 1);
  if (read.invoke->linearizable) least = std::max(least, CountBelow(contents.answered, read.begin));
  if (least > 0) ++report->verdict().reads_checked;
  uint64_t gone = CountBelow(contents.going, read.end);
  const auto unseen = std::lower_bound(contents.unseen.begin(), contents.unseen.end(),
                                       std::pair<uint64_t, uint64_t>(read.end, 0));
  if (unseen != contents.unseen.begin()) gone += std::prev(unseen)->second;
  if (number + gone < least)
    report->Add("C8", Describe(read) + " shows " + std::to_string(number) + " messages; at least " +
                          std::to_string(least - gone) + " must be there");
}

// `message` is what was looked for.
void CheckPeek(const Contents& contents, const Message& message, const Operation& read, Report* report) {
  const bool is_shown = read.ok() && !read.answer->items.empty();
  if (is_shown) {
    const Item& item = read.answer->items[0];
    ++report->verdict().reads_checked;
    if (item.payload != message.payload || item.hash != message.hash)
      report->Add("C8", Describe(read) + " shows another message than " + Hex(message.payload));
    return;
  }
  if (message.ok() == nullptr || read.outcome != Kind::kFail || !read.answer->code.ends_with("-not-found"))
    return;
  const bool by_offset = read.invoke->min != kNone && message.ok()->offset() <= read.invoke->min;
  const bool by_time = read.invoke->linearizable && message.ok()->end < read.begin;
  if (!by_offset && !by_time) return;
  ++report->verdict().reads_checked;
  const bool may_be_gone = MayGoFrom(message) < read.end || contents.emptied_from < read.end ||
                           (!contents.unseen.empty() && contents.unseen.front().first < read.end);
  if (!may_be_gone)
    report->Add("C8", Describe(read) + " does not show message " + Hex(message.payload) + ", answered to " +
                          Describe(*message.ok()));
}

}  // namespace

void CheckReads(const Index& index, Report* report) {
  const auto queues = FindContents(index);
  std::unordered_map<uint64_t, const Message*> by_id;
  for (const auto& [payload, message] : index.messages()) {
    if (message.id != 0) by_id.emplace(message.id, &message);
  }
  for (const Operation& operation : index.operations()) {
    if (operation.answer == nullptr) continue;
    const Event& invoke = *operation.invoke;
    const uint64_t applied = operation.answer->applied;
    if (operation.ok() && applied != kNone) {
      const uint64_t must = operation.offset() != kNone ? operation.offset() : invoke.min;
      if (must != kNone && applied <= must)
        report->Add("C8", Describe(operation) + " was answered by a node that had applied only up to " +
                              std::to_string(applied) + ", not entry " + std::to_string(must));
    }
    const auto contents = queues.find(invoke.queue);
    if (contents == queues.end()) continue;
    if (invoke.action == Action::kCount && operation.ok() && operation.answer->number != kNone)
      CheckCount(contents->second, operation, report);
    if (invoke.action != Action::kPeek || invoke.items.empty()) continue;
    const auto message = by_id.find(invoke.items[0].id);
    if (message != by_id.end()) CheckPeek(contents->second, *message->second, operation, report);
  }
}

void CheckSessions(const Index& index, Report* report) {
  std::unordered_map<std::string_view, const Operation*> ended;
  for (const Operation& operation : index.operations()) {
    if (operation.invoke->action == Action::kLogout && operation.ok() && operation.offset() != kNone)
      ended.emplace(operation.invoke->session, &operation);
  }
  // What each node was known to have applied, as time goes on.
  std::vector<const Operation*> by_answer;
  for (const Operation& operation : index.operations()) {
    if (operation.answer != nullptr && operation.answer->applied != kNone) by_answer.push_back(&operation);
  }
  std::sort(by_answer.begin(), by_answer.end(),
            [](const auto* a, const auto* b) { return a->answer->ns < b->answer->ns; });
  std::map<uint64_t, uint64_t> applied;
  size_t seen = 0;
  for (const Operation& operation : index.operations()) {
    for (; seen < by_answer.size() && by_answer[seen]->answer->ns < operation.begin; ++seen) {
      uint64_t& newest = applied[by_answer[seen]->invoke->node];
      newest = std::max(newest, by_answer[seen]->answer->applied);
    }
    const auto found = ended.find(operation.invoke->session);
    if (!operation.ok() || found == ended.end() || found->second == &operation) continue;
    const uint64_t end = found->second->offset();
    const bool is_write = operation.offset() != kNone;
    const bool is_after = is_write ? operation.offset() > end && !operation.answer->replayed
                                   : applied[operation.invoke->node] > end ||
                                         (operation.invoke->min != kNone && operation.invoke->min >= end);
    if (is_after)
      report->Add("C13", Describe(operation) + " was done with session " + operation.invoke->session +
                             ", which " + Describe(*found->second) + " had ended");
  }
}

}  // namespace mom::cluster
