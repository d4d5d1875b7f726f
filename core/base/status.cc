#include "core/base/status.h"

namespace mom {

std::string_view StatusCodeName(Status::Code code) {
  switch (code) {
    case Status::kOk:
      return "ok";
    case Status::kNotFound:
      return "not found";
    case Status::kInvalidArgument:
      return "invalid argument";
    case Status::kCorruption:
      return "corruption";
    case Status::kIoError:
      return "i/o error";
    case Status::kNoSpace:
      return "no space";
    case Status::kBusy:
      return "busy";
    case Status::kWrongOwner:
      return "wrong owner";
    case Status::kNotLeader:
      return "not leader";
    case Status::kUncertain:
      return "uncertain";
    case Status::kOverloaded:
      return "overloaded";
    case Status::kStopping:
      return "stopping";
  }
  return "unknown";
}

std::string Status::ToString() const {
  if (ok()) return "ok";
  return std::string(StatusCodeName(code_)) + ": " + message_;
}

}  // namespace mom
