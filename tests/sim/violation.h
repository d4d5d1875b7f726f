// Violation: how a checker says that a history is wrong. Thrown, so that a run ends at the event that did it.
#pragma once

#include <stdexcept>
#include <string>

#include "core/base/check.h"

namespace mom::sim {

class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// For programmer errors of the simulator itself: the history proves nothing.
class Defect : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

}  // namespace mom::sim

// SIM_CHECK(condition, "G1: what", values...): a property of the protocol; its name stands first.
#define SIM_CHECK(condition, name, ...)                                                                   \
  do {                                                                                                    \
    if (!(condition)) [[unlikely]]                                                                        \
      throw ::mom::sim::Violation(std::string(name) + " [" + ::mom::internal::FormatValues(__VA_ARGS__) + \
                                  "]");                                                                   \
  } while (false)

#define SIM_ASSERT(condition, ...)                                                          \
  do {                                                                                      \
    if (!(condition)) [[unlikely]]                                                          \
      throw ::mom::sim::Defect(std::string("simulator: " #condition " at " __FILE__ " [") + \
                               ::mom::internal::FormatValues(__VA_ARGS__) + "]");           \
  } while (false)
