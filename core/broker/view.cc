#include "core/broker/view.h"

#include <iterator>
#include <utility>

#include "core/base/check.h"

namespace mom::broker {
namespace {

// Merges an iterator of the base with the changes above it; a change hides the base's key.
class OverlayIterator final : public ViewIterator {
 public:
  OverlayIterator(std::unique_ptr<ViewIterator> base, const ViewBatch* changes)
      : base_(std::move(base)), changes_(changes), next_change_(changes->end()) {}

  void Seek(std::string_view key) override {
    base_->Seek(key);
    next_change_ = changes_->lower_bound(key);
    Settle();
  }
  bool Valid() const override { return on_base_ || on_change_; }
  void Next() override {
    MOM_CHECK(Valid());
    if (on_base_) base_->Next();
    if (on_change_) ++next_change_;
    Settle();
  }
  std::string_view key() const override { return on_change_ ? next_change_->first : base_->key(); }
  std::string_view value() const override { return on_change_ ? *next_change_->second : base_->value(); }

 private:
  // Stands on the smaller of both keys, passing over deletions and what they hide.
  void Settle() {
    for (;;) {
      on_base_ = base_->Valid();
      on_change_ = next_change_ != changes_->end();
      if (!on_change_) return;
      if (on_base_) {
        const int order = base_->key().compare(next_change_->first);
        if (order < 0) {
          on_change_ = false;
          return;
        }
        on_base_ = order == 0;
      }
      if (next_change_->second.has_value()) return;
      if (on_base_) base_->Next();
      ++next_change_;
    }
  }

  std::unique_ptr<ViewIterator> base_;
  const ViewBatch* changes_;
  ViewBatch::const_iterator next_change_;
  bool on_base_ = false;    // The current key is the base's.
  bool on_change_ = false;  // The current key is a change's; both when equal.
};

class MemoryIterator final : public ViewIterator {
 public:
  explicit MemoryIterator(const std::map<std::string, std::string, std::less<>>* contents)
      : contents_(contents), at_(contents->end()) {}
  void Seek(std::string_view key) override { at_ = contents_->lower_bound(key); }
  bool Valid() const override { return at_ != contents_->end(); }
  void Next() override { ++at_; }
  std::string_view key() const override { return at_->first; }
  std::string_view value() const override { return at_->second; }

 private:
  const std::map<std::string, std::string, std::less<>>* contents_;
  std::map<std::string, std::string, std::less<>>::const_iterator at_;
};

}  // namespace

std::optional<std::string> ViewOverlay::Get(std::string_view key) const {
  if (auto it = changes_.find(key); it != changes_.end()) return it->second;
  return base_->Get(key);
}

std::unique_ptr<ViewIterator> ViewOverlay::NewIterator() const {
  return std::make_unique<OverlayIterator>(base_->NewIterator(), &changes_);
}

void ViewOverlay::Put(std::string_view key, std::string value) {
  Change(key) = std::move(value);
}

void ViewOverlay::Delete(std::string_view key) {
  Change(key) = std::nullopt;
}

std::optional<std::string>& ViewOverlay::Change(std::string_view key) {
  auto it = changes_.lower_bound(key);
  if (it == changes_.end() || it->first != key) it = changes_.emplace_hint(it, key, std::nullopt);
  return it->second;
}

// Both are in the same order: a change's neighbour mostly goes beside it.
void ViewOverlay::Absorb(ViewBatch&& changes) {
  auto next = changes_.begin();
  while (!changes.empty()) {
    auto node = changes.extract(changes.begin());
    auto at = changes_.insert(next, std::move(node));
    // Still whole when the key was there: then only the value is new. NOLINTNEXTLINE(bugprone-use-after-move)
    if (node) at->second = std::move(node.mapped());
    next = std::next(at);
  }
}

std::optional<std::string> MemoryView::Get(std::string_view key) const {
  if (auto it = contents_.find(key); it != contents_.end()) return it->second;
  return std::nullopt;
}

std::unique_ptr<ViewIterator> MemoryView::NewIterator() const {
  return std::make_unique<MemoryIterator>(&contents_);
}

void MemoryView::Write(const ViewBatch& batch) {
  for (const auto& [key, value] : batch) {
    if (value) {
      contents_.insert_or_assign(key, *value);
    } else {
      contents_.erase(key);
    }
  }
}

}  // namespace mom::broker
