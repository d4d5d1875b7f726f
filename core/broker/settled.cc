#include "core/broker/settled.h"

#include <algorithm>
#include <utility>

#include "core/broker/keys.h"

namespace mom::broker {
namespace {

// Time is cut into slots, so that what is dropped lies together at the beginning of the table, however long a
// lease was held before. A slot has as many records as leases were used in it.
uint64_t SlotNow(int64_t now_ms) {
  return static_cast<uint64_t>(std::max<int64_t>(now_ms, 0) / kSettledSlotMs);
}

uint64_t FirstSlotKept(int64_t now_ms) {
  const uint64_t now = SlotNow(now_ms);
  return now - std::min(now, kSettledSlotsKept - 1);
}

}  // namespace

bool WasAcknowledged(const Context& context, uint64_t queue_id, const v1::Receipt& receipt) {
  const auto holds = [&](const v1::SettledLease& settled) {
    const auto& ids = settled.ids();
    return settled.queue() == queue_id && settled.user() == context.user &&
           std::find(ids.begin(), ids.end(), receipt.id()) != ids.end();
  };
  if (const v1::SettledLease* now = context.AcknowledgedNow(receipt.lease()); now && holds(*now)) return true;
  for (uint64_t slot = FirstSlotKept(context.now_ms()); slot <= SlotNow(context.now_ms()); ++slot) {
    const auto settled = context.Get<v1::SettledLease>(keys::Settled(slot, receipt.lease()));
    if (settled && holds(*settled)) return true;
  }
  return false;
}

void ForgetSettled(Context* context) {
  const std::string floor = context->view()->Get(keys::SettledFloor()).value_or(std::string());
  const std::string end = keys::Settled(FirstSlotKept(context->now_ms()), 0);
  std::vector<std::string> old;
  auto it = context->view()->NewIterator();
  for (it->Seek(std::string(1, keys::kSettled) + floor);
       old.size() < kSettledForgottenPerEntryMax && it->Valid() && it->key() < end; it->Next()) {
    old.emplace_back(it->key());
  }
  it.reset();
  if (old.empty()) return;
  for (const std::string& key : old) context->Delete(key);
  // Behind the last one: nothing comes below any more, as time does not go back.
  context->view()->Put(keys::SettledFloor(), old.back().substr(1) + '\0');
}

void Context::Acknowledge(uint64_t queue_id, const v1::Receipt& receipt) {
  v1::SettledLease& settled = acknowledged_[receipt.lease()];
  settled.set_queue(queue_id);
  settled.set_user(user);
  settled.add_ids(receipt.id());
}

const v1::SettledLease* Context::AcknowledgedNow(uint64_t lease) const {
  const auto found = acknowledged_.find(lease);
  return found == acknowledged_.end() ? nullptr : &found->second;
}

void Context::FlushAcknowledged() {
  for (auto& [lease, settled] : acknowledged_) {
    const std::string key = keys::Settled(SlotNow(now_ms()), lease);
    if (!untouched_leases_.contains(lease)) {
      if (const auto before = Get<v1::SettledLease>(key)) settled.mutable_ids()->MergeFrom(before->ids());
    }
    Put(key, settled);
  }
  acknowledged_.clear();
}

}  // namespace mom::broker
