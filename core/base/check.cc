#include "core/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace mom {

void CheckFailed(const char* file, int line, const char* condition, const std::string& values) {
  (void)std::fprintf(stderr, "MOM_CHECK failed at %s:%d: %s%s%s%s\n", file, line, condition,
                     values.empty() ? "" : " [", values.c_str(), values.empty() ? "" : "]");
  (void)std::fflush(stderr);
  std::abort();
}

}  // namespace mom
