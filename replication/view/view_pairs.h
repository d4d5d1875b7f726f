// ViewPairs: a frozen state of a view, read pair by pair to be handed to another node. Unlike a ViewReader it
// says what it cannot read.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace mom::replication {

// Thread-compatible.
class ViewPairs {
 public:
  virtual ~ViewPairs() = default;
  // Nothing: there is no such key. kCorruption, kIoError: the disk gave no right answer.
  virtual Result<std::optional<std::string>> Get(std::string_view key) const = 0;
  // Calls `use` with one pair after the other, in order of the keys, from the first one behind `after`
  // (empty: from the beginning), until it says false. True: there are no more. Errors as of Get; pairs before
  // the place of the error were used.
  using Use = std::function<bool(std::string_view key, std::string_view value)>;
  virtual Result<bool> ForEachBehind(std::string_view after, const Use& use) const = 0;
};

}  // namespace mom::replication
