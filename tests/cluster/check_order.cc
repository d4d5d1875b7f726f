// C4 order of delivery, C9 witness, C11 progress, C12 replicas.
#include <algorithm>
#include <set>
#include <tuple>

#include "tests/cluster/check_index.h"

namespace mom::cluster {
namespace {

struct FirstDelivery {
  const Delivery* delivery;
  uint64_t id;
};

// Ids name one message each, and grow with the log.
void CheckIds(const Index& index, Report* report) {
  std::unordered_map<uint64_t, uint64_t> payload_of;
  const auto note = [&](uint64_t id, uint64_t payload) {
    if (id == 0) return;
    const auto [at, is_new] = payload_of.emplace(id, payload);
    if (!is_new && at->second != payload)
      report->Add("C4", "id " + Hex(id) + " is message " + Hex(payload) + " and also " + Hex(at->second));
  };
  std::vector<std::tuple<uint64_t, size_t, const Message*>> sent;  // In log order.
  for (const auto& [payload, message] : index.messages()) {
    note(message.id, payload);
    for (const Delivery& delivery : message.deliveries) note(delivery.item.id, payload);
    if (message.id != 0 && message.ok()->offset() != kNone)
      sent.emplace_back(message.ok()->offset(), message.place, &message);
  }
  std::sort(sent.begin(), sent.end());
  for (size_t i = 1; i < sent.size(); ++i) {
    const Message& before = *std::get<2>(sent[i - 1]);
    const Message& after = *std::get<2>(sent[i]);
    const bool is_known_order = after.ok() == before.ok() || after.ok()->offset() != before.ok()->offset();
    if (is_known_order && after.id <= before.id)
      report->Add("C4", Describe(*after.ok()) + " was sent after " + Describe(*before.ok()) +
                            " but has no larger id");
  }
}

}  // namespace

void CheckOrder(const Index& index, Report* report) {
  CheckIds(index, report);
  std::map<std::string_view, std::vector<FirstDelivery>> queues;
  std::set<std::string_view> delayed;
  for (const auto& [payload, message] : index.messages()) {
    for (const Delivery& delivery : message.deliveries) {
      if (delivery.item.attempt == 1) queues[delivery.queue].push_back({&delivery, delivery.item.id});
    }
    if (message.sent.front()->tries.front()->invoke->delay_ms > 0) delayed.insert(message.queue);
  }
  for (auto& [queue, firsts] : queues) {
    if (delayed.contains(queue)) continue;
    std::sort(firsts.begin(), firsts.end(), [](const auto& a, const auto& b) {
      return std::tie(a.delivery->offset, a.delivery->place) <
             std::tie(b.delivery->offset, b.delivery->place);
    });
    for (size_t i = 1; i < firsts.size(); ++i) {
      if (firsts[i].id > firsts[i - 1].id) continue;
      report->Add("C4", "id " + Hex(firsts[i].id) + " of " + std::string(queue) +
                            " was delivered the first time at offset " +
                            std::to_string(firsts[i].delivery->offset) + ", after id " +
                            Hex(firsts[i - 1].id) + " at " + std::to_string(firsts[i - 1].delivery->offset));
    }
  }
}

namespace {

// An entry of the log as clients know it.
struct Entry {
  const Request* request;
  uint64_t begin, end, offset;
};

void CheckRealTime(std::vector<Entry> entries, Report* report) {
  std::vector<Entry> by_end = entries;
  std::sort(by_end.begin(), by_end.end(), [](const auto& a, const auto& b) { return a.end < b.end; });
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
  const Entry* newest = nullptr;  // The largest offset that was answered before.
  size_t ended = 0;
  for (const Entry& entry : entries) {
    for (; ended < by_end.size() && by_end[ended].end < entry.begin; ++ended) {
      if (newest == nullptr || by_end[ended].offset > newest->offset) newest = &by_end[ended];
    }
    if (newest != nullptr && newest->offset >= entry.offset)
      report->Add("C9", Describe(*entry.request->first_ok) + " began after " +
                            Describe(*newest->request->first_ok) + " was answered, but is not behind it");
  }
}

void CheckLog(std::vector<Entry> entries, Report* report) {
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
  uint64_t epoch = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    const Operation& operation = *entries[i].request->first_ok;
    if (i > 0 && entries[i].offset == entries[i - 1].offset)
      report->Add("C9", Describe(operation) + " and " + Describe(*entries[i - 1].request->first_ok) +
                            " have one offset");
    // A replayed answer has the epoch of the repeat.
    if (operation.answer->epoch == kNone || operation.answer->replayed) continue;
    if (operation.answer->epoch < epoch)
      report->Add("C9", Describe(operation) + " has epoch " + std::to_string(operation.answer->epoch) +
                            " behind an entry of epoch " + std::to_string(epoch));
    if (operation.answer->epoch > epoch) ++report->verdict().epochs;
    epoch = std::max(epoch, operation.answer->epoch);
  }
}

}  // namespace

void CheckWitness(const Index& index, Report* report) {
  std::vector<Entry> entries;
  for (const Request& request : index.requests()) {
    if (request.first_ok == nullptr || request.first_ok->offset() == kNone) continue;
    entries.push_back({&request, request.begin, request.first_ok->end, request.first_ok->offset()});
  }
  CheckLog(entries, report);
  CheckRealTime(std::move(entries), report);
  for (const auto& [payload, message] : index.messages()) {
    if (message.deliveries.empty() || message.sent.size() != 1 || !message.sent.front()->refused) continue;
    report->Add("C9", "message " + Hex(payload) + " was delivered although " +
                          Describe(*message.sent.front()->tries.front()) + " was refused");
  }
}

void CheckProgress(const Index& index, Report* report) {
  std::map<std::pair<std::string_view, uint64_t>, uint64_t> seen;  // Applied end by client and node.
  std::vector<const Operation*> answered;
  for (const Operation& operation : index.operations()) {
    if (operation.answer != nullptr && operation.answer->applied != kNone) answered.push_back(&operation);
  }
  std::sort(answered.begin(), answered.end(),
            [](const auto* a, const auto* b) { return a->answer->ns < b->answer->ns; });
  for (const Operation* operation : answered) {
    uint64_t& applied = seen[{operation->invoke->client, operation->invoke->node}];
    if (operation->answer->applied < applied)
      report->Add("C11", Describe(*operation) + " was answered with applied end " +
                             std::to_string(operation->answer->applied) + " after one with " +
                             std::to_string(applied));
    applied = std::max(applied, operation->answer->applied);
  }
  struct Newest {
    uint64_t epoch = 0, high_watermark = 0, boot = 0;
  };
  std::map<uint64_t, Newest> nodes;
  for (const Event* sample : index.samples()) {
    Newest& newest = nodes[sample->node];
    const std::string what = "node " + std::to_string(sample->node) + " went back in its ";
    // What is known to be committed is not kept on disk; the epoch is.
    if (sample->boot != newest.boot) newest = {newest.epoch, 0, sample->boot};
    if (sample->epoch != kNone && sample->epoch < newest.epoch)
      report->Add(
          "C11", what + "epoch: " + std::to_string(newest.epoch) + ", then " + std::to_string(sample->epoch));
    if (sample->offset != kNone && sample->offset < newest.high_watermark)
      report->Add("C11", what + "high watermark: " + std::to_string(newest.high_watermark) + ", then " +
                             std::to_string(sample->offset));
    if (sample->epoch != kNone) newest.epoch = std::max(newest.epoch, sample->epoch);
    if (sample->offset != kNone) newest.high_watermark = std::max(newest.high_watermark, sample->offset);
  }
}

void CheckReplicas(const Index& index, Report* report) {
  std::map<uint64_t, const Event*> by_applied;
  for (const Event* sample : index.samples()) {
    if (sample->applied == kNone || sample->digest.empty()) continue;
    const auto [at, is_new] = by_applied.emplace(sample->applied, sample);
    if (is_new) continue;
    if (at->second->node != sample->node) ++report->verdict().samples_compared;
    if (at->second->digest != sample->digest)
      report->Add("C12", "with applied end " + std::to_string(sample->applied) + " node " +
                             std::to_string(at->second->node) + " has digest " + at->second->digest +
                             ", node " + std::to_string(sample->node) + " " + sample->digest);
  }
}

}  // namespace mom::cluster
