// ViewInUse: the view that answers now. Another takes its place when a snapshot is installed, while readers
// of the old one finish.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "core/base/check.h"
#include "core/broker/view.h"
#include "replication/view/latest_view.h"
#include "replication/view/leveldb_view.h"

namespace mom::replication {

// Thread-safe.
class ViewInUse {
 public:
  // A view with the reader of its newest state.
  struct Held {
    std::unique_ptr<LevelDbView> view;
    std::unique_ptr<LatestView> latest;
  };
  using HeldPtr = std::shared_ptr<const Held>;

  explicit ViewInUse(std::unique_ptr<LevelDbView> view) { Replace(std::move(view)); }

  HeldPtr Get() const {
    std::lock_guard lock(mutex_);
    return held_;
  }
  // Who still holds the old one keeps it.
  HeldPtr Replace(std::unique_ptr<LevelDbView> view) {
    auto held = std::make_shared<Held>();
    held->latest = view->Latest();
    held->view = std::move(view);
    std::lock_guard lock(mutex_);
    return std::exchange(held_, std::move(held));
  }

 private:
  mutable std::mutex mutex_;
  HeldPtr held_;  // Guarded by mutex_.
};

// A frozen state that keeps its view alive.
class FrozenReader final : public broker::ViewReader {
 public:
  explicit FrozenReader(ViewInUse::HeldPtr held) : held_(std::move(held)), reader_(held_->view->Snapshot()) {}
  std::optional<std::string> Get(std::string_view key) const override { return reader_->Get(key); }
  std::unique_ptr<broker::ViewIterator> NewIterator() const override { return reader_->NewIterator(); }

 private:
  const ViewInUse::HeldPtr held_;
  const std::unique_ptr<broker::ViewReader> reader_;
};

// Likewise, for handing it on.
class FrozenInUse final : public ViewPairs {
 public:
  explicit FrozenInUse(ViewInUse::HeldPtr held)
      : held_(std::move(held)), pairs_(held_->view->FrozenPairs()) {}
  Result<std::optional<std::string>> Get(std::string_view key) const override { return pairs_->Get(key); }
  Result<bool> ForEachBehind(std::string_view after, const Use& use) const override {
    return pairs_->ForEachBehind(after, use);
  }

 private:
  const ViewInUse::HeldPtr held_;
  const std::unique_ptr<ViewPairs> pairs_;
};

// The newest state of whichever view is in use; for single records.
class LatestReader final : public LatestView {
 public:
  explicit LatestReader(const ViewInUse* view) : view_(view) {}
  std::optional<std::string> Get(std::string_view key) const override {
    return view_->Get()->latest->Get(key);
  }
  Record Look(std::string_view key) const override { return view_->Get()->latest->Look(key); }
  void Keep(std::string_view key, uint64_t stamp, Note note) const override {
    view_->Get()->latest->Keep(key, stamp, std::move(note));
  }
  std::unique_ptr<broker::ViewIterator> NewIterator() const override {
    MOM_CHECK(false, "the newest state is for single records");
    return nullptr;
  }

 private:
  const ViewInUse* const view_;
};

}  // namespace mom::replication
