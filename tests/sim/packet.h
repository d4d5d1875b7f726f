// What travels: protocol messages with the entries of their frames, and pieces of snapshots.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "core/base/entry.h"
#include "core/quorum/effects.h"
#include "core/quorum/messages.h"

namespace mom::sim {

// An entry of a simulated log. `id` is different for every entry that anybody ever appended.
struct Record {
  uint64_t id = 0;
  uint32_t epoch = 0;
  uint16_t voters = 0;  // Of kind kVoters: index in the table of voter sets.
  EntryKind kind = EntryKind::kCommand;
  bool operator==(const Record&) const = default;
  uint64_t bytes() const { return 20 + id % 1000; }
};

// The state of a view, as a snapshot holds it.
struct Snapshot {
  quorum::SnapshotId id;
  uint16_t voters = 0;  // In force at its end.
  uint64_t digest = 0;  // Of everything below its end.
};

struct Packet {
  enum class Kind : uint8_t { kMessage, kPieceRequest, kPiece };

  Kind kind = Kind::kMessage;
  uint8_t from = 0;  // Index of the node; an unknown sender has that of the receiver.
  uint8_t to = 0;
  quorum::Message message;
  std::vector<Record> records;  // Of a frame.
  quorum::SendFrame order;      // Frame that waits for its entries to be read,
  uint64_t stream = 0;          // for the stream with this handle.
  // Piece of a snapshot.
  uint64_t pull = 0;  // Number of the asker's pull.
  uint32_t piece = 0;
  bool last_piece = false;
  bool missing = false;  // There is no such snapshot.
  Epoch epoch;           // Of the sender.
  Snapshot snapshot;
  quorum::Identity asker;
};

// Packets under way, by number. Not thread-safe. Memory is used again.
class PacketPool {
 public:
  uint32_t New() {
    if (free_.empty()) {
      packets_.emplace_back();
      return static_cast<uint32_t>(packets_.size() - 1);
    }
    const uint32_t id = free_.back();
    free_.pop_back();
    return id;
  }
  uint32_t Copy(uint32_t id) {
    const uint32_t copy = New();
    packets_[copy] = packets_[id];
    return copy;
  }
  void Free(uint32_t id) {
    packets_[id].kind = Packet::Kind::kMessage;
    packets_[id].records.clear();
    free_.push_back(id);
  }
  Packet& operator[](uint32_t id) { return packets_[id]; }
  size_t in_use() const { return packets_.size() - free_.size(); }

 private:
  std::deque<Packet> packets_;  // Addresses stay.
  std::vector<uint32_t> free_;
};

}  // namespace mom::sim
