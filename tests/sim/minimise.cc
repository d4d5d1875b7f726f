#include "tests/sim/minimise.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/base/check.h"

namespace mom::sim {
namespace {

// "NAME: what [values]" without the values.
std::string Property(const Report& report) {
  return report.violation.substr(0, report.violation.find(" ["));
}

class Search {
 public:
  Search(uint64_t seed, const RunOptions& options) {
    best_.options = options;
    best_.report = RunSeed(seed, options);
    best_.runs = 1;
    MOM_CHECK(!best_.report.violation.empty(), seed);
    property_ = Property(best_.report);
  }

  Minimal Run() {
    const FaultSet drawn = FaultsOf(Plan::FromSeed(best_.report.seed));
    EndWithTheViolation();
    while (DropFaults(drawn)) {
    }
    Shorten();
    while (DropFaults(drawn)) {
    }
    best_.faults = drawn & ~best_.options.without;
    return std::move(best_);
  }

 private:
  // Whether the property still breaks; then that is the best so far.
  bool Try(const RunOptions& options) {
    Report report = RunSeed(best_.report.seed, options);
    ++best_.runs;
    if (Property(report) != property_) return false;
    best_.options = options;
    best_.report = std::move(report);
    EndWithTheViolation();
    return true;
  }

  // The same history, unless the property broke only after healing.
  void EndWithTheViolation() { best_.options.events = std::min(best_.options.events, best_.report.events); }

  bool DropFaults(FaultSet drawn) {
    bool dropped = false;
    for (size_t i = 0; i < std::size(kFaultKinds); ++i) {
      const FaultSet kind = FaultSet{1} << i;
      if ((drawn & ~best_.options.without & kind) == 0) continue;
      RunOptions options = best_.options;
      options.without |= kind;
      dropped |= Try(options);
    }
    return dropped;
  }

  void Shorten() {
    for (uint64_t step = best_.options.events / 2; step > 0; step /= 2) {
      RunOptions options = best_.options;
      if (step >= options.events) continue;
      options.events -= step;
      Try(options);
    }
  }

  Minimal best_;
  std::string property_;
};

}  // namespace

Minimal Minimise(uint64_t seed, const RunOptions& options) {
  return Search(seed, options).Run();
}

}  // namespace mom::sim
