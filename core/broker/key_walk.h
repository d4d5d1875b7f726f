// KeyWalk: values of many keys that lie mostly side by side, in ascending order.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "core/broker/view.h"

namespace mom::broker {

// Stepping on to the next key costs a fraction of looking one up; making the walk costs more than one. Keys
// in any order are found, ascending ones cheaply. Not thread-safe. `view` must outlive it and must not change
// meanwhile.
class KeyWalk {
 public:
  explicit KeyWalk(const ViewReader* view) : view_(view) {}

  // Until the next call; nothing when the view does not hold the key.
  std::optional<std::string_view> Find(std::string_view key);

 private:
  const ViewReader* view_;
  std::unique_ptr<ViewIterator> at_;  // Null before the first look.
};

}  // namespace mom::broker
