// No header that declares read() may be included here: this defines it, in front of the C library's.
#include "tests/rest/http/slow_events.h"

#include <sys/syscall.h>
#include <time.h>

#include <cstddef>

namespace mom::rest {

std::atomic<int> event_read_delay_us{0};

}  // namespace mom::rest

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

extern "C" long syscall(long number, ...) noexcept;

extern "C" ssize_t read(int fd, void* buffer, size_t bytes) {
  const int delay_us = mom::rest::event_read_delay_us.load(std::memory_order_relaxed);
  if (delay_us > 0 && bytes == 8) {
    const timespec delay{0, delay_us * 1000L};
    nanosleep(&delay, nullptr);
  }
  return syscall(SYS_read, fd, buffer, bytes);
}

#endif
