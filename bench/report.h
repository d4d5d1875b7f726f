// Report: a measurement as text for people and as JSON for scripts.
#pragma once

#include <optional>
#include <string>

#include "bench/checker.h"
#include "bench/group_commit.h"
#include "bench/options.h"
#include "bench/recorder.h"

namespace mom::bench {

struct Verification {
  std::string how;  // drain, count or none.
  CheckResult result;
  std::string failure;  // One sentence; empty when all is well.
};

struct Report {
  const Options* options = nullptr;
  const Recorder* recorder = nullptr;               // Unless group-commit.
  std::optional<Verification> verification;         // Of workloads with messages.
  const GroupCommitResult* group_commit = nullptr;  // Of group-commit only.
  std::string failure;                              // Why the run counts for nothing; empty when it does.

  bool ok() const { return failure.empty() && (!verification || verification->failure.empty()); }
};

std::string ToText(const Report& report);
std::string ToJson(const Report& report);

}  // namespace mom::bench
