#include "wal/this_thread.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <string_view>

#include "core/base/check.h"

namespace mom::wal {
namespace {

constexpr uint64_t kTurnNs = 300'000;  // A tenth of what Linux grants unasked.

// As in <linux/sched/types.h>, which defines what <sched.h> defines, too. First version: 48 bytes.
struct Attributes {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime_ns;
  uint64_t deadline_ns;
  uint64_t period_ns;
};
static_assert(sizeof(Attributes) == 48);

}  // namespace

void NameThisThread(const char* name) {
  // The one error there is: a longer name.
  MOM_CHECK(::pthread_setname_np(::pthread_self(), name) == 0, std::string_view(name));
}

// Like TakeShortTurns a hint.
void InterruptNobody() {
  const sched_param parameters{};
  (void)::sched_setscheduler(0, SCHED_BATCH, &parameters);
}

// The C library has no functions for these calls. A hint: where it is refused the thread runs as before.
void TakeShortTurns() {
  Attributes attributes{};
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  attributes.runtime_ns = kTurnNs;
  (void)::syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace mom::wal
