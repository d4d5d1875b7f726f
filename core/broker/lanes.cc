#include "core/broker/lanes.h"

#include <algorithm>
#include <memory>

#include "core/broker/keys.h"

namespace mom::broker {
namespace {

v1::Lane* FindLane(v1::QueueState* queue, uint32_t priority) {
  for (auto& lane : *queue->mutable_lanes())
    if (lane.priority() == priority) return &lane;
  return nullptr;
}

// Keeps lanes ordered, highest priority first.
v1::Lane* FindOrAddLane(v1::QueueState* queue, uint32_t priority) {
  if (auto* lane = FindLane(queue, priority)) return lane;
  queue->add_lanes()->set_priority(priority);
  auto* lanes = queue->mutable_lanes();
  std::sort(lanes->begin(), lanes->end(),
            [](const v1::Lane& a, const v1::Lane& b) { return a.priority() > b.priority(); });
  return FindLane(queue, priority);
}

// Moves `it` to the first message of one table of a lane, which its counter promises; what all keys there
// begin with.
std::string SeekLane(ViewIterator* it, char table, uint64_t queue_id, uint32_t priority, uint64_t from) {
  std::string prefix = keys::Ready(table, queue_id, priority, from);
  it->Seek(prefix);
  prefix.resize(prefix.size() - sizeof(uint64_t));
  MOM_CHECK(it->Valid() && it->key().starts_with(prefix), queue_id, priority, from);
  return prefix;
}

// Walks one table of one lane.
class LaneCursor {
 public:
  LaneCursor(const ViewReader& view, char table, uint64_t queue_id, uint32_t priority, uint64_t count,
             uint64_t from)
      : table_(table), left_(count) {
    if (left_ == 0) return;
    it_ = view.NewIterator();
    prefix_ = SeekLane(it_.get(), table, queue_id, priority, from);
  }
  bool valid() const { return left_ > 0; }
  uint64_t id() const { return keys::ReadU64(it_->key(), prefix_.size()); }
  std::string_view value() const { return it_->value(); }
  char table() const { return table_; }
  void Next() {
    if (--left_ == 0) return;
    it_->Next();
    MOM_CHECK(AtMessage(), left_);
  }

 private:
  bool AtMessage() const { return it_->Valid() && it_->key().starts_with(prefix_); }

  char table_;
  uint64_t left_;
  std::string prefix_;
  std::unique_ptr<ViewIterator> it_;
};

}  // namespace

void AddToLane(Context* context, uint64_t queue_id, uint64_t message_id, const v1::MessageState& state) {
  v1::Lane* lane = FindOrAddLane(context->State(queue_id), state.priority());
  if (message_id >= lane->head()) {
    lane->set_fresh(lane->fresh() + 1);
    context->Put(keys::Ready(keys::kReady, queue_id, state.priority(), message_id), state);
    return;
  }
  const bool first = lane->returned() == 0;
  lane->set_returned(lane->returned() + 1);
  lane->set_returned_head(first ? message_id : std::min(lane->returned_head(), message_id));
  context->Put(keys::Ready(keys::kReturned, queue_id, state.priority(), message_id), state);
}

void RemoveFromLane(Context* context, uint64_t queue_id, char table, uint64_t message_id, uint32_t priority) {
  v1::Lane* lane = FindLane(context->State(queue_id), priority);
  MOM_CHECK(lane != nullptr, queue_id, priority);
  if (table == keys::kReady) {
    MOM_CHECK(lane->fresh() > 0, queue_id, message_id);
    lane->set_fresh(lane->fresh() - 1);
  } else {
    MOM_CHECK(lane->returned() > 0, queue_id, message_id);
    lane->set_returned(lane->returned() - 1);
  }
  context->Delete(keys::Ready(table, queue_id, priority, message_id));
}

void VisitReady(const ViewReader& view, uint64_t queue_id, const v1::QueueState& queue,
                const std::function<bool(char, uint64_t, const v1::MessageState&)>& visit) {
  for (const v1::Lane& lane : queue.lanes()) {
    LaneCursor fresh(view, keys::kReady, queue_id, lane.priority(), lane.fresh(), lane.head());
    LaneCursor returned(view, keys::kReturned, queue_id, lane.priority(), lane.returned(),
                        lane.returned_head());
    while (fresh.valid() || returned.valid()) {
      const bool take_returned = returned.valid() && (!fresh.valid() || returned.id() < fresh.id());
      LaneCursor& from = take_returned ? returned : fresh;
      v1::MessageState state;
      MOM_CHECK(state.ParseFromArray(from.value().data(), static_cast<int>(from.value().size())), queue_id);
      if (!visit(from.table(), from.id(), state)) return;
      from.Next();
    }
  }
}

// Fresh and returned messages of each priority are in log order: only the first of each is looked at.
std::optional<uint64_t> OldestWaiting(const ViewReader& view, uint64_t queue_id,
                                      const v1::QueueState& queue) {
  std::optional<uint64_t> oldest;
  const auto it = view.NewIterator();
  const auto look = [&](char table, uint32_t priority, uint64_t count, uint64_t from) {
    if (count == 0) return;
    const size_t prefix_bytes = SeekLane(it.get(), table, queue_id, priority, from).size();
    const uint64_t first = keys::ReadU64(it->key(), prefix_bytes);
    oldest = std::min(oldest.value_or(first), first);
  };
  for (const v1::Lane& lane : queue.lanes()) {
    look(keys::kReady, lane.priority(), lane.fresh(), lane.head());
    look(keys::kReturned, lane.priority(), lane.returned(), lane.returned_head());
  }
  if (queue.blocked_head() != 0) oldest = std::min(oldest.value_or(UINT64_MAX), queue.blocked_head());
  return oldest;
}

// A priority that no message had so far may get one from before, such as a delayed one: so all are asked.
bool ChangesWaitingUpTo(const ViewBatch& changes, uint64_t queue_id, uint64_t message_id) {
  const auto blocked = changes.lower_bound(keys::Message(keys::kWaiting, queue_id, 0));
  if (blocked != changes.end() && blocked->first <= keys::Message(keys::kWaiting, queue_id, message_id))
    return true;
  for (char table : {keys::kReady, keys::kReturned}) {
    for (uint32_t priority = 0; priority <= kPriorityMax; ++priority) {
      const auto found = changes.lower_bound(keys::Ready(table, queue_id, priority, 0));
      if (found != changes.end() && found->first <= keys::Ready(table, queue_id, priority, message_id))
        return true;
    }
  }
  return false;
}

void AdvanceLane(v1::QueueState* queue, uint32_t priority, uint64_t last) {
  v1::Lane* lane = FindLane(queue, priority);
  MOM_CHECK(lane != nullptr, priority);
  lane->set_head(std::max(lane->head(), last + 1));
  lane->set_returned_head(lane->returned() == 0 ? 0 : std::max(lane->returned_head(), last + 1));
}

}  // namespace mom::broker
