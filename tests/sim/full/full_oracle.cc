#include "tests/sim/full/full_oracle.h"

#include <xxhash.h>

#include "core/broker/keys.h"
#include "core/broker/message_store.h"
#include "replication/replica/digest_marks.h"
#include "tests/sim/violation.h"

namespace mom::sim {
namespace {

uint64_t HashOf(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace

void FullOracle::OnApplied(NodeId node, const Entry& entry, const broker::AppliedState& state) {
  const AppliedEntry applied{entry.epoch, entry.kind, HashOf(entry.bytes()), state.digest};
  if (entry.offset.value == applied_.size()) return applied_.push_back(applied);
  SIM_CHECK(entry.offset.value < applied_.size(), "G3: applied ahead of everybody with a gap", node,
            entry.offset);
  const AppliedEntry& first = applied_[entry.offset.value];
  SIM_CHECK(first.epoch == applied.epoch && first.kind == applied.kind &&
                first.payload_hash == applied.payload_hash,
            "G3: another entry at the same offset", node, entry.offset, first.epoch, applied.epoch);
  SIM_CHECK(first.digest == applied.digest, "G7: views differ", node, entry.offset);
}

size_t FullOracle::OnMarks(NodeId node, const std::vector<replication::DigestMark>& marks) const {
  size_t shared = 0;
  for (const replication::DigestMark& mark : marks) {
    if (mark.end.value % replication::kFineMarkEntries == 0) ++shared;
    SIM_CHECK(mark.end.value > 0 && mark.end.value <= applied_.size(), "G7: marks a state that is none", node,
              mark.end);
    SIM_CHECK(applied_[mark.end.value - 1].digest == mark.digest, "G7: marks another state", node, mark.end);
  }
  return shared;
}

void FullOracle::OnAcknowledged(Offset offset, Epoch epoch, const std::string& payload) {
  const std::pair<Epoch, uint64_t> what{epoch, HashOf(payload)};
  const auto [known, fresh] = acknowledged_.emplace(offset.value, what);
  SIM_CHECK(fresh || known->second == what, "G8: two commands acknowledged at one offset", offset);
  acknowledged_end_ = std::max(acknowledged_end_, Next(offset));
  SIM_CHECK(offset.value < applied_.size(), "G8: acknowledged and not applied", offset);
  const AppliedEntry& applied = applied_[offset.value];
  SIM_CHECK(applied.epoch == epoch && applied.payload_hash == what.second, "G8: acknowledged another command",
            offset);
}

void FullOracle::OnReadConfirmed(Offset end, Offset floor) const {
  SIM_CHECK(end >= floor, "G8: a linearizable read misses an acknowledged write", end, floor);
}

void FullOracle::OnPublished(const std::string& queue, const std::vector<uint64_t>& ids) {
  for (uint64_t id : ids) {
    SIM_CHECK(published_[queue].insert(id).second, "G8: two publishes got one message id", queue, id);
  }
}

void FullOracle::OnReceived(const std::string& queue, Offset offset, const std::vector<uint64_t>& ids) {
  SIM_CHECK(received_[queue].emplace(offset, ids).second, "G8: two receives at one offset", queue, offset);
}

void FullOracle::CheckAcknowledged(Offset end) const {
  SIM_CHECK(acknowledged_end_ <= end, "G8: an acknowledged entry is gone", acknowledged_end_, end);
}

// Publishes were repeated with their key until they were certain, so every message is of an acknowledged one.
void FullOracle::CheckMessages(const broker::MemoryView& view) const {
  for (const auto& [queue, published] : published_) {
    std::set<uint64_t> left = published;
    uint64_t last = 0;
    const auto took = received_.find(queue);
    if (took != received_.end()) {
      for (const auto& [offset, ids] : took->second) {
        for (uint64_t id : ids) {
          SIM_CHECK(id > last, "G8: out of order, or delivered twice", queue, id, last);
          SIM_CHECK(left.erase(id) == 1, "G8: delivered what nobody was told is published", queue, id);
          last = id;
        }
      }
    }
    const auto handle = broker::FindQueue(view, queue);
    SIM_CHECK(handle.has_value(), "G8: a queue is gone", queue);
    for (uint64_t id : left) {
      SIM_CHECK(broker::Locate(view, handle->id(), id).has_value(), "G8: a message is lost", queue, id);
    }
    v1::QueueState state;
    SIM_CHECK(state.ParseFromString(view.Get(broker::keys::QueueState(handle->id())).value_or("")),
              "G8: no state of a queue", queue);
    SIM_CHECK(broker::MessageCount(state.counts()) == left.size(),
              "G8: a queue holds more than was published", queue, broker::MessageCount(state.counts()),
              left.size());
  }
}

}  // namespace mom::sim
