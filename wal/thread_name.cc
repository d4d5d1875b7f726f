#include "wal/thread_name.h"

#include <pthread.h>

#include <string_view>

#include "core/base/check.h"

namespace mom::wal {

void NameThisThread(const char* name) {
  // The one error there is: a longer name.
  MOM_CHECK(::pthread_setname_np(::pthread_self(), name) == 0, std::string_view(name));
}

}  // namespace mom::wal
