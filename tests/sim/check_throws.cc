// MOM_CHECK of the product throws here instead of ending the process: a broken invariant is a finding with a
// seed. Stands before the product's own CheckFailed on the linker's line, which is therefore not taken.
#include <cstring>

#include "tests/sim/violation.h"

namespace mom {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition, const std::string& values) {
  const char* slash = std::strrchr(file, '/');
  throw sim::Violation("MOM_CHECK " + std::string(slash == nullptr ? file : slash + 1) + ":" +
                       std::to_string(line) + ": " + condition + " [" + values + "]");
}

}  // namespace mom
