// MOM_CHECK(condition, values...): stops the process with the place, the condition and the values printed.
// For programmer errors only; operating errors are Status values. On in every build, release included: a
// wrong state must never be written or answered.
#pragma once

#include <sstream>
#include <string>

namespace mom {

// Prints to standard error and aborts. Never returns.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition, const std::string& values);

namespace internal {
template <typename... Values>
std::string FormatValues(const Values&... values) {
  std::ostringstream out;
  [[maybe_unused]] const char* separator = "";
  ((out << separator << values, separator = ", "), ...);
  return out.str();
}
}  // namespace internal

}  // namespace mom

#define MOM_CHECK(condition, ...)                                                                     \
  do {                                                                                                \
    if (!(condition)) [[unlikely]]                                                                    \
      ::mom::CheckFailed(__FILE__, __LINE__, #condition, ::mom::internal::FormatValues(__VA_ARGS__)); \
  } while (false)
