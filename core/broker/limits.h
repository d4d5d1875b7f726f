// Limits of the broker's rules. Part of the state machine: changing one changes what a log means, so each
// change needs a new view format.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mom::broker {

inline constexpr size_t kNameBytesMax = 128;
inline constexpr size_t kShortTextBytesMax = 255;  // Group, dedup id, idempotency key in a view key.
inline constexpr size_t kPasswordHashBytesMax = 512;
inline constexpr size_t kBodyBytesMax = 1u << 20;
inline constexpr size_t kEnvelopeTextBytesMax = 8u << 10;  // All of a message but body, group and dedup id.
inline constexpr size_t kReasonBytesMax = 1024;
inline constexpr uint64_t kReceiveBytesMax = 2u << 20;  // Of one answer; one message is given all the same.
inline constexpr uint32_t kBatchMessagesMax = 1000;
inline constexpr uint32_t kPriorityMax = 9;
inline constexpr uint32_t kQueuesPerUserMax = 10000;
inline constexpr uint32_t kTopicsPerUserMax = 10000;
inline constexpr uint32_t kSubscriptionsPerUserMax = 10000;
inline constexpr uint32_t kSessionsPerUserMax = 1000;  // One more ends an older one.
inline constexpr size_t kAddressBytesMax = 64;
inline constexpr uint32_t kGrantsPerListMax = 1000;
inline constexpr uint32_t kPositionsPerEntryMax = 4096;  // Message ids are offset * 4096 + index.
inline constexpr uint32_t kTimersPerEntryMax = 1000;     // Due timers that one clock entry handles.
inline constexpr uint32_t kDeadLetterHopsMax = 1000;     // Moves of a message in all; a redrive begins anew.
inline constexpr uint32_t kIdleHopsMax = 8;  // Since it was received: cycles that run by themselves.
inline constexpr int kDeadLettersKept = 10;  // Of a message's moves, the newest.

inline constexpr int64_t kDefaultLeaseMs = 30'000;
inline constexpr int64_t kLeaseMsMax = 12LL * 3600 * 1000;
inline constexpr uint32_t kDefaultAttemptsMax = 10;
inline constexpr int64_t kDurationMsMax = 366LL * 24 * 3600 * 1000;  // Delays, time to live, sessions.

inline constexpr int64_t kDedupWindowMs = 24LL * 3600 * 1000;
inline constexpr int64_t kKeyWindowMs = 24LL * 3600 * 1000;
inline constexpr uint64_t kKeysMax = 1'000'000;
inline constexpr int kKeysForgottenPerEntryMax = 1000;  // By a clock entry.
inline constexpr int kKeysForgottenPerCommandMax = 2;   // By a command that adds one: the ring shrinks.

// What was acknowledged is remembered by slots of time: in the current one and the two before it.
inline constexpr int64_t kSettledSlotMs = 60'000;
inline constexpr uint64_t kSettledSlotsKept = 3;
inline constexpr size_t kSettledForgottenPerEntryMax = 2000;  // Leases, by a clock entry.

}  // namespace mom::broker
