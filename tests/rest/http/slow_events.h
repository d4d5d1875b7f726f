// Makes every read of an event counter slow, in all of this process, so that races around it happen often.
#pragma once

#include <atomic>

namespace mom::rest {

// 0: not slower than usual. Without effect in sanitizer builds, which have a read() of their own.
extern std::atomic<int> event_read_delay_us;

}  // namespace mom::rest
