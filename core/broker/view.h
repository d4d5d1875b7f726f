// The broker's window on its state: an ordered map from bytes to bytes. Implemented over LevelDB by
// replication/view and in memory for tests.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace mom::broker {

// Walks keys in ascending byte order. Not thread-safe; must not outlive its reader.
class ViewIterator {
 public:
  virtual ~ViewIterator() = default;
  virtual void Seek(std::string_view key) = 0;  // To the first key >= `key`.
  virtual bool Valid() const = 0;
  virtual void Next() = 0;                     // REQUIRES: Valid().
  virtual std::string_view key() const = 0;    // REQUIRES: Valid(); until the next move.
  virtual std::string_view value() const = 0;  // Likewise.
};

// A state of the view that does not change while somebody looks at it. Damage underneath stops the node in
// the implementation: a broker never sees a wrong value.
class ViewReader {
 public:
  virtual ~ViewReader() = default;
  virtual std::optional<std::string> Get(std::string_view key) const = 0;
  virtual std::unique_ptr<ViewIterator> NewIterator() const = 0;
};

// Changes of one step: key to new value, or nothing for a deletion. Ordered, so that writing and hashing
// them is the same on every machine.
using ViewBatch = std::map<std::string, std::optional<std::string>, std::less<>>;

// A reader that shows `base` with changes laid over it, and collects new ones. Layers nest: an inner one is
// either merged into the outer one or thrown away, which makes a refused command leave no trace.
// Not thread-safe. `base` must outlive it and must not change meanwhile.
class ViewOverlay final : public ViewReader {
 public:
  explicit ViewOverlay(const ViewReader* base) : base_(base) {}

  std::optional<std::string> Get(std::string_view key) const override;
  std::unique_ptr<ViewIterator> NewIterator() const override;  // Invalidated by the next change.

  void Put(std::string_view key, std::string value);
  void Delete(std::string_view key);

  const ViewBatch& changes() const { return changes_; }
  void Clear() { changes_.clear(); }
  ViewBatch TakeChanges() { return std::move(changes_); }
  // Adds the changes of a layer that was laid over this one.
  void Absorb(ViewBatch&& changes);

 private:
  std::optional<std::string>& Change(std::string_view key);

  const ViewReader* base_;
  ViewBatch changes_;
};

// All in memory: for tests and for rebuilding without a disk. Thread-compatible.
class MemoryView final : public ViewReader {
 public:
  std::optional<std::string> Get(std::string_view key) const override;
  std::unique_ptr<ViewIterator> NewIterator() const override;
  void Write(const ViewBatch& batch);
  const std::map<std::string, std::string, std::less<>>& contents() const { return contents_; }

 private:
  std::map<std::string, std::string, std::less<>> contents_;
};

}  // namespace mom::broker
