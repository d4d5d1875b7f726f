// Settled: what was acknowledged under which lease, kept for two to three minutes. It tells an
// acknowledgement that is asked for again from one whose receipt was never given, or whose lease was lost.
#pragma once

#include "core/broker/context.h"

namespace mom::broker {

// Whether the caller acknowledged this message of the queue under this lease, in this command or lately.
bool WasAcknowledged(const Context& context, uint64_t queue_id, const v1::Receipt& receipt);

// Drops what is older, a bounded number of leases at a time.
void ForgetSettled(Context* context);

}  // namespace mom::broker
