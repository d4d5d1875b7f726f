// Parts of CheckConsistency that need no more than the view. Not for other code.
#pragma once

#include <string>

#include "core/broker/view.h"
#include "mom/v1/records.pb.h"

namespace mom::broker::test {

std::string Printable(const std::string& key);

// Adds one message of this table to the counters of its queue.
void Count(char table, const v1::MessageState& state, v1::QueueCounts* counts);

// What is wrong, one line a finding: with what is remembered of acknowledgements, and with each queue's first
// blocked message.
std::string CheckSettled(const MemoryView& view);
std::string CheckBlockedHeads(const MemoryView& view);

}  // namespace mom::broker::test
