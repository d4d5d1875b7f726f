// What of a queue or topic that exists differs from one that is asked for.
#pragma once

#include <string>

#include "mom/v1/commands.pb.h"
#include "mom/v1/records.pb.h"

namespace mom::broker {

// Adds a difference to `reply` for each setting that is another one; all but `closed`, which is a state that
// a queue gets into later and that nobody asks for when making one. REQUIRES: lists are sorted.
void AddDifferences(const v1::QueueSettings& is, const v1::QueueSettings& asked, v1::Reply* reply);
void AddDifferences(const v1::UserList& publishers, const v1::UserList& asked, v1::Reply* reply);

// "lease_ms is 30000, not 5000; senders is *, not ann,bob". Long lists are cut short, with dots.
std::string DescribeDifferences(const v1::Reply& reply);

}  // namespace mom::broker
