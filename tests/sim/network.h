// Network: datagrams that may be lost, repeated and reordered, and streams that keep their order or break.
// Knows packets by number only, so that another tier may send other things.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "core/quorum/types.h"
#include "tests/sim/packet.h"
#include "tests/sim/plan.h"
#include "tests/sim/scheduler.h"

namespace mom::sim {

inline constexpr uint32_t kNodesMax = 10;

// One direction of a stream.
struct Lane {
  struct Waiting {
    uint32_t packet = 0;
    int64_t ready = 0;
  };
  std::deque<Waiting> queue;
  int64_t last_ready = 0;
  bool pumping = false;  // An event will look at the queue.
  bool ends = false;     // Behind the queue the receiver is told that the stream is over.
};

// A fetch stream. The follower opened it; the leader's side exists once the first packet got there.
struct Stream {
  uint64_t handle = 0;
  quorum::SessionId session;
  uint8_t follower = 0;
  uint8_t leader = 0;
  bool follower_open = false;
  bool leader_open = false;
  bool leader_seen = false;  // The opening request was handed over.
  bool broken = false;
  uint32_t follower_life = 0;
  uint32_t leader_life = 0;
  Lane up, down;
  // The leader's outstanding frame: its entries are being read, it waits here, FrameSent is on its way.
  enum class Write : uint8_t { kNone, kReading, kQueued, kReported };
  Write write = Write::kNone;
  Offset sent_end;
  uint64_t sent_bytes = 0;
};

// Not thread-safe.
class Network {
 public:
  // Fills in what the network does not know about nodes.
  struct Host {
    std::function<uint32_t(uint8_t)> life;  // 0 while it is down.
    std::function<void(uint8_t, uint32_t)> deliver;
    std::function<void(uint8_t, NodeId, quorum::SessionId)> stream_ended;
  };
  Network(const Plan* plan, Random* random, Scheduler* scheduler, PacketPool* packets, Host host)
      : plan_(plan), random_(random), scheduler_(scheduler), packets_(packets), host_(std::move(host)) {}

  void SendDatagram(uint32_t packet);
  // Handlers of kDatagram, kStreamUp, kStreamDown.
  void OnDatagram(const Event& event);
  void OnPump(const Event& event);

  Stream* Open(uint8_t follower, uint8_t leader, quorum::SessionId session);
  // The newest with this session that is open at that side; null when there is none.
  Stream* FindAtFollower(uint8_t follower, quorum::SessionId session);
  Stream* FindAtLeader(uint8_t leader, uint8_t follower, quorum::SessionId session);
  Stream* FindByHandle(uint64_t handle);
  void SendUp(Stream* stream, uint32_t packet);
  void SendDown(Stream* stream, uint32_t packet);
  void CloseByFollower(Stream* stream);
  void CloseByLeader(Stream* stream);
  void Break(Stream* stream);
  void BreakSome(uint32_t per_million);
  // `loud`: peers see the streams end; else they are half open.
  void NodeStopped(uint8_t node, bool loud);

  void Cut(uint8_t from, uint8_t to, bool cut) { cut_[from][to] = cut; }
  void Clog(uint8_t from, uint8_t to, int64_t until) { clogged_until_[from][to] = until; }
  void Heal();
  bool IsCut(uint8_t from, uint8_t to) const { return cut_[from][to]; }
  int64_t Delay();
  uint64_t stale_deliveries() const { return stale_; }
  uint64_t duplicates() const { return duplicates_; }

 private:
  void Push(Stream* stream, bool up, uint32_t packet);
  void SchedulePump(Stream* stream, bool up, int64_t at);
  void HandOver(Stream* stream, bool up, uint32_t packet);
  void TellEnd(Stream* stream, bool up);
  void ReportWritten(Stream* stream);
  void ClearLane(Lane* lane);
  void FreeIfDone(Stream* stream);

  const Plan* const plan_;
  Random* const random_;
  Scheduler* const scheduler_;
  PacketPool* const packets_;
  const Host host_;
  std::deque<Stream> streams_;  // Addresses stay; handle 0: free.
  uint64_t next_handle_ = 1;
  std::array<std::array<bool, kNodesMax>, kNodesMax> cut_{};
  std::array<std::array<int64_t, kNodesMax>, kNodesMax> clogged_until_{};
  uint64_t stale_ = 0;
  uint64_t duplicates_ = 0;
};

}  // namespace mom::sim
