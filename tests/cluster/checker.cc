#include "tests/cluster/checker.h"

#include "tests/cluster/check_index.h"

namespace mom::cluster {

Verdict CheckHistory(const std::vector<Event>& events, const CheckOptions& options) {
  Verdict verdict;
  Report report(&verdict);
  const Index index(events);
  for (const Operation& operation : index.operations()) {
    ++verdict.operations;
    if (operation.outcome == Kind::kOk) ++verdict.ok;
    if (operation.outcome == Kind::kFail) ++verdict.refused;
    if (operation.outcome == Kind::kInfo) ++verdict.unknown;
  }
  CheckLosses(index, &report);
  CheckPhantoms(index, &report);
  CheckRepeats(index, &report);
  CheckOrder(index, &report);
  CheckLeases(index, options, &report);
  CheckKeys(index, &report);
  CheckDeletions(index, &report);
  CheckReads(index, &report);
  CheckWitness(index, &report);
  CheckProgress(index, &report);
  CheckReplicas(index, &report);
  CheckSessions(index, &report);
  CheckTimers(index, options, &report);
  return verdict;
}

std::string ToText(const Verdict& verdict) {
  std::string text =
      std::to_string(verdict.operations) + " operations: " + std::to_string(verdict.ok) + " ok, " +
      std::to_string(verdict.refused) + " refused, " + std::to_string(verdict.unknown) +
      " unknown; messages: " + std::to_string(verdict.acknowledged_messages) + " acknowledged, " +
      std::to_string(verdict.delivered_messages) + " delivered, " +
      std::to_string(verdict.recovered_messages) + " recovered, " +
      std::to_string(verdict.repeated_deliveries) + " repeats, " + std::to_string(verdict.unjudged_messages) +
      " not judged; " + std::to_string(verdict.timers_checked) + " came due; " +
      std::to_string(verdict.reads_checked) + " reads checked, " + std::to_string(verdict.samples_compared) +
      " digests compared, " + std::to_string(verdict.epochs) + " epochs\n";
  for (const Violation& violation : verdict.violations)
    text += violation.property + ": " + violation.text + "\n";
  for (const auto& [property, count] : verdict.found)
    text += property + " is broken " + std::to_string(count) + " times\n";
  return text;
}

}  // namespace mom::cluster
