// What all commands say alike.
#pragma once

#include <ostream>
#include <string_view>

#include "core/base/status.h"
#include "infra/replay/commands.h"

namespace mom::replay {

// One line on `err`; the exit code.
inline int Refuse(const Status& status, const Console& console) {
  *console.err << "mom-replay: " << status.message() << std::endl;
  return kExitRefused;
}

// One line on `out`; the exit code. What could not be read because of the system is no damage.
inline int PrintDamage(std::string_view what, const Status& status, std::ostream& out) {
  const bool damaged = status.code() == Status::kCorruption || status.code() == Status::kWrongOwner ||
                       status.code() == Status::kNotFound;
  out << what << ": " << (damaged ? "DAMAGED: " : "cannot be read: ") << status.message() << "\n";
  return damaged ? kExitDamaged : kExitRefused;
}

}  // namespace mom::replay
