// Feeds one replica with whatever bytes say: events of a driver that keeps its contract, and messages of
// peers that keep none. Shared by the fuzz target and a bounded test.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/quorum/quorum.h"

namespace mom::quorum {

class FuzzDriver {
 public:
  // Runs the input to its end. Stops the process when an invariant breaks; nothing else can go wrong.
  static void Run(std::string_view input);

  // What was reached, for the test to see that it tests something.
  struct Reached {
    uint64_t steps = 0;
    uint64_t led = 0;
    uint64_t followed = 0;
    uint64_t committed = 0;
    uint64_t truncated = 0;
    uint64_t installed = 0;
  };
  static Reached& reached();

 private:
  explicit FuzzDriver(std::string_view input);
  void One();
  void Local(uint8_t what);
  void Snapshots(uint8_t what);
  void Message();
  Body RandomBody();
  FetchReply RandomReply();
  void Step(const Event& event);
  void Note(const Effects& effects);

  uint8_t Byte();
  uint64_t Below(uint64_t n);
  // Mostly near `middle`, sometimes anything.
  uint64_t Near(uint64_t middle);
  Epoch AnyEpoch() { return Epoch{static_cast<uint32_t>(Near(core_.epoch().value))}; }
  Offset AnyOffset() { return Offset{Near(core_.log_end().value)}; }
  NodeId AnyNode() { return NodeId{static_cast<uint32_t>(Below(6))}; }

  std::string_view input_;
  Quorum core_;
  Instant now_{1};
  std::optional<SnapshotId> pulling_;
  std::optional<SnapshotId> installing_;
};

}  // namespace mom::quorum
