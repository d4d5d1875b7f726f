// LatestView: the newest applied state, which changes under the reader, for single records; with notes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/broker/view.h"

namespace mom::replication {

// A note is a number that a reader has worked out from a state of the view and that holds until one certain
// record is written. It is kept with that record in memory, and gone with the next write of it or when memory
// is short. Thread-safe.
class LatestView : public broker::ViewReader {
 public:
  struct Record {
    std::optional<std::string> value;  // Empty: the view holds no such key.
    // When it was written, in a clock of its own: as long as it is the same, nobody has written the record,
    // not even the value it has. 0: not known.
    uint64_t stamp = 0;
    std::optional<int64_t> note;
  };
  virtual Record Look(std::string_view key) const = 0;
  // Keeps `note` with the record, unless it was written since `stamp`, of Look(). What it was worked out
  // from must be a state that was current at some time between that Look() and this call.
  virtual void Note(std::string_view key, uint64_t stamp, int64_t note) const = 0;
};

}  // namespace mom::replication
