// LatestView: the newest applied state, which changes under the reader, for single records; with notes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/broker/view.h"

namespace mom::replication {

// A note is a number that a reader has worked out from a state of the view, kept in memory with one certain
// record, with which everything is written that could make it wrong. It is gone with the first batch that
// does make it wrong, or when memory is short. Thread-safe.
class LatestView : public broker::ViewReader {
 public:
  struct Record {
    std::optional<std::string> value;  // Empty: the view holds no such key.
    // When it was written, in a clock of its own: as long as it is the same, nobody has written the record,
    // not even the value it has. 0: not known.
    uint64_t stamp = 0;
    std::optional<int64_t> note;
  };
  struct Note {
    int64_t number = 0;
    // Whether it holds no more once `changes`, which write the record, are written. Called by the writer
    // under a lock: pure, quick, and owning what it needs.
    std::function<bool(const broker::ViewBatch& changes)> is_ended_by;
  };
  virtual Record Look(std::string_view key) const = 0;
  // Keeps `note` with the record, unless that was written since `stamp`, of Look(). What it was worked out
  // from must be a state that was current at some time between that Look() and this call.
  virtual void Keep(std::string_view key, uint64_t stamp, Note note) const = 0;
};

}  // namespace mom::replication
