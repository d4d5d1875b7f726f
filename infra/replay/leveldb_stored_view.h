// StoredView: a view on disk read without trust: damage is a Status, where a running node would stop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/broker/broker.h"

namespace mom::replay {

class StoredView;

// Walks all keys in ascending byte order and checks every value. Not thread-safe; must not outlive the view.
class StoredCursor {
 public:
  virtual ~StoredCursor() = default;
  virtual bool Valid() const = 0;
  virtual void Next() = 0;                      // REQUIRES: Valid().
  virtual std::string_view key() const = 0;     // REQUIRES: Valid(); until the next move.
  virtual std::string_view stored() const = 0;  // Likewise: the value and its checksum.
  virtual Status status() const = 0;            // Why it is not valid any more; ok at the end.
};

// Not thread-safe.
class StoredView {
 public:
  // Opens the view in `dir` without changing anything there; `work_dir` must exist and be empty. kNotFound
  // when there is no view; kCorruption when LevelDB cannot open it.
  static Result<std::unique_ptr<StoredView>> Open(const std::string& dir, const std::string& work_dir);
  virtual ~StoredView() = default;

  // How far it is; zeros for an empty view.
  virtual Result<broker::AppliedState> Applied() = 0;
  // From the first key >= `from`.
  virtual std::unique_ptr<StoredCursor> Walk(std::string_view from) = 0;
  // Calls `use` with every key and checked value of one table.
  virtual Status ForEach(char table,
                         const std::function<void(std::string_view key, std::string_view value)>& use) = 0;
};

// The value of stored bytes; kCorruption names the table when its checksum is wrong.
Result<std::string_view> CheckedValue(std::string_view key, std::string_view stored);

// Names the first table file of the view in `dir` that cannot be read to its end; empty when all can.
std::string FindDamagedTableFile(const std::string& dir);

}  // namespace mom::replay
