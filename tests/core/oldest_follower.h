// OldestFollower: knows the oldest ready message of every queue the way a REST server does, from what
// changes.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/broker/view.h"

namespace mom::broker::test {

// Not thread-safe.
class OldestFollower {
 public:
  // `changes` made the view what it is. What is wrong; empty when nothing is.
  std::string Follow(const ViewBatch& changes, const MemoryView& view);

  uint64_t kept = 0;   // How often an oldest message was still known after its queue had changed,
  uint64_t ended = 0;  // and how often it was not.

 private:
  std::map<uint64_t, uint64_t> oldest_;  // Queue to message.
};

}  // namespace mom::broker::test
