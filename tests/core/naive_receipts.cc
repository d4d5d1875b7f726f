// Receipts of the naive model: acknowledging, giving back, extending.
#include <algorithm>

#include "tests/core/naive_model.h"

namespace mom::broker::test {
namespace {

constexpr int64_t kLongestLeaseMs = 12LL * 3600 * 1000;

std::vector<v1::Receipt> ListOf(const google::protobuf::RepeatedPtrField<v1::Receipt>& receipts) {
  return {receipts.begin(), receipts.end()};
}

}  // namespace

NaiveQueue* NaiveModel::Held(const std::string& name, const std::vector<v1::Receipt>& receipts,
                             std::set<int>* errors) {
  if (receipts.empty() || receipts.size() > 1000) {
    errors->insert(v1::ERROR_MALFORMED);
    return nullptr;
  }
  if (auto queue = queues.find(name); queue != queues.end()) {
    for (const auto& receipt : receipts) {
      const NaiveItem* item = FindItem(&queue->second, receipt.id());
      const bool held =
          item && item->where == Where::kLeased && item->lease == receipt.lease() && item->holder == user_;
      const bool acked = (!item || item->where != Where::kLeased) && WasAcknowledged(queue->second, receipt);
      if (held || acked) return &queue->second;
    }
  }
  return Visible(name, errors);
}

bool NaiveModel::WasAcknowledged(const NaiveQueue& queue, const v1::Receipt& receipt) const {
  return std::any_of(settled.begin(), settled.end(), [&](const NaiveSettled& one) {
    return one.minute >= now_ms_ / 60'000 - 2 && one.queue_id == queue.id && one.id == receipt.id() &&
           one.lease == receipt.lease() && one.user == user_;
  });
}

v1::ErrorCode NaiveModel::Unheld(const NaiveQueue& queue, const NaiveItem* item,
                                 const v1::Receipt& receipt) const {
  if (!item) return WasAcknowledged(queue, receipt) ? v1::ERROR_LEASE_LOST : v1::ERROR_RECEIPT_UNKNOWN;
  const bool lost = item->lease > receipt.lease();
  const bool over = item->lease == receipt.lease() && item->holder == user_;
  return lost || over ? v1::ERROR_LEASE_LOST : v1::ERROR_RECEIPT_UNKNOWN;
}

Expected NaiveModel::Do(const v1::Ack& c, bool held_only) {
  Expected e;
  NaiveQueue* queue = Held(c.queue(), ListOf(c.receipts()), &e.errors);
  if (!queue) return e;
  auto* reply = e.reply.mutable_receipts();
  for (const auto& receipt : c.receipts()) {
    const NaiveItem* item = FindItem(queue, receipt.id());
    const bool own = item && item->lease == receipt.lease() && item->holder == user_;
    const bool repeat = !item && !held_only && WasAcknowledged(*queue, receipt);
    if (repeat || (own && (item->where == Where::kLeased || (item->came_back && !held_only)))) {
      if (item) {
        Erase(queue, receipt.id());
        settled.push_back({now_ms_ / 60'000, queue->id, receipt.id(), receipt.lease(), user_});
      }
      reply->set_done(reply->done() + 1);
    } else {
      *reply->add_failed()->mutable_receipt() = receipt;
      reply->mutable_failed(reply->failed_size() - 1)->set_error(Unheld(*queue, item, receipt));
    }
  }
  return e;
}

Expected NaiveModel::Do(const v1::Nack& c, bool held_only) {
  Expected e;
  if (c.delay_ms() < 0 || c.delay_ms() > kYearMs || c.reason().size() > 1024) {
    e.errors.insert(v1::ERROR_MALFORMED);
  }
  NaiveQueue* queue = Held(c.queue(), ListOf(c.receipts()), &e.errors);
  if (!queue || !e.errors.empty()) return e;
  const int64_t delay_ms = c.has_delay_ms() ? c.delay_ms() : queue->settings.retry_delay_ms();
  auto* reply = e.reply.mutable_receipts();
  for (const auto& receipt : c.receipts()) {
    const NaiveItem* item = FindItem(queue, receipt.id());
    const bool own = item && item->lease == receipt.lease() && item->holder == user_;
    const bool repeat = own && item->where != Where::kLeased && !item->came_back && !held_only;
    if (!repeat && (!own || item->where != Where::kLeased)) {
      *reply->add_failed()->mutable_receipt() = receipt;
      reply->mutable_failed(reply->failed_size() - 1)->set_error(Unheld(*queue, item, receipt));
      continue;
    }
    reply->set_done(reply->done() + 1);
    if (repeat) continue;
    GiveBack(queue, receipt.id(), now_ms_ + delay_ms,
             c.reason().empty() ? "given back by the receiver" : c.reason());
  }
  return e;
}

Expected NaiveModel::Do(const v1::Extend& c) {
  Expected e;
  if (c.lease_ms() < 1 || c.lease_ms() > kLongestLeaseMs) e.errors.insert(v1::ERROR_MALFORMED);
  NaiveQueue* queue = Held(c.queue(), ListOf(c.receipts()), &e.errors);
  if (!queue || !e.errors.empty()) return e;
  auto* reply = e.reply.mutable_receipts();
  for (const auto& receipt : c.receipts()) {
    NaiveItem* item = FindItem(queue, receipt.id());
    if (item && item->lease == receipt.lease() && item->holder == user_ && item->where == Where::kLeased) {
      item->lease_until_ms = now_ms_ + c.lease_ms();
      reply->set_done(reply->done() + 1);
    } else {
      *reply->add_failed()->mutable_receipt() = receipt;
      reply->mutable_failed(reply->failed_size() - 1)->set_error(Unheld(*queue, item, receipt));
    }
  }
  return e;
}

}  // namespace mom::broker::test
