// CheckConsistency: whether everything in a view agrees with everything else. Walks the whole view.
#pragma once

#include <string>

#include "core/broker/view.h"

namespace mom::broker::test {

// What is wrong, one line a finding; empty when nothing is. Records (users, sessions, queues, messages,
// topics, subscriptions, dedup ids, idempotency keys) are taken as they stand; every index, timer, counter,
// stored body and reference count must then follow from them, none missing and none left over.
std::string CheckConsistency(const MemoryView& view);

}  // namespace mom::broker::test
