// Status: the outcome of an operation that can fail for reasons outside the program. A value type, cheap
// when ok. The code tells the caller what to do; the message tells a person what happened.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace mom {

class [[nodiscard]] Status {
 public:
  enum Code {
    kOk = 0,
    kNotFound,         // The thing asked for is not there.
    kInvalidArgument,  // The caller's input is wrong; repeating it is useless.
    kCorruption,       // Stored bytes are damaged: quarantine, never guess.
    kIoError,          // A system call failed; after a failed fsync the node stops.
    kNoSpace,          // The disk (or the reserve) is full.
    kBusy,             // Held by somebody else: lock file, port.
    kWrongOwner,       // Data of another cluster, node or format.
    kNotLeader,        // Ask the leader.
    kUncertain,        // The outcome is unknown; retry with the same idempotency key.
    kOverloaded,       // A limit was reached; retry later.
    kStopping,         // The node is shutting down.
  };

  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }

  // The same status with `prefix` in front of its message; an ok status stays ok.
  Status Annotate(std::string_view prefix) const {
    if (ok()) return *this;
    return Status(code_, std::string(prefix) + ": " + message_);
  }

  // "corruption: segment 7: bad checksum at byte 4096".
  std::string ToString() const;

 private:
  Code code_ = kOk;
  std::string message_;
};

// Stable lower-case word of a code.
std::string_view StatusCodeName(Status::Code code);

inline std::ostream& operator<<(std::ostream& out, const Status& s) {
  return out << s.ToString();
}

}  // namespace mom

// Returns from the calling function when `expression` is not ok.
#define MOM_RETURN_IF_ERROR(expression)                                                  \
  do {                                                                                   \
    if (::mom::Status mom_status_ = (expression); !mom_status_.ok()) return mom_status_; \
  } while (false)
