// Invariants: I1 to I17 of docs/protocol.md, checked after every step in every build.
#pragma once

#include <optional>

#include "core/quorum/effects.h"
#include "core/quorum/types.h"

namespace mom::quorum {

class Quorum;

// What a step is compared with. Cheap: some words, and O(voters) to check. A violation is our own bug and
// stops the process with the values (MOM_CHECK).
class Invariants {
 public:
  // Notes the state before a step.
  explicit Invariants(const Quorum& before);

  // Adds to the effects what follows from the difference (hard state, role), then checks state and step.
  void Finish(const Quorum& after, Effects* effects) const;

 private:
  void CheckStep(const Quorum& after, const Effects& effects) const;
  void CheckState(const Quorum& q) const;
  void CheckLeader(const Quorum& q) const;
  void CheckEffects(const Quorum& after, const Effects& effects) const;
  static RoleChange Seen(const Quorum& q);

  HardState hard_state_;
  Role role_;
  RoleChange seen_;
  Offset log_end_;
  Offset durable_end_;
  Offset high_watermark_;
  std::optional<Offset> lead_high_watermark_;
  Offset committed_end_;
};

}  // namespace mom::quorum
