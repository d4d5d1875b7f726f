#include "replication/replica/disk_room.h"

#include <algorithm>
#include <utility>

namespace mom::replication {
namespace {

// What a byte of a command becomes on the disk, at most and until tables are merged: once in the log, twice
// in the view, of which small messages take more than they are long.
constexpr uint64_t kBytesOnDisk = 3;
// So much may come before the disk is asked again.
constexpr uint64_t kLookEveryBytes = 2u << 20;

}  // namespace

DiskRoom::DiskRoom(uint64_t free_min_bytes, std::function<uint64_t()> free_bytes)
    : free_min_bytes_(free_min_bytes), ask_(std::move(free_bytes)) {}

bool DiskRoom::IsNeededBy(const v1::Command& command) {
  if (command.has_transaction()) {
    const auto& operations = command.transaction().operations();
    return std::any_of(operations.begin(), operations.end(),
                       [](const auto& operation) { return operation.has_publish(); });
  }
  return command.has_publish() || command.has_redrive() || command.has_create_queue() ||
         command.has_create_topic() || command.has_create_user() || command.has_subscribe();
}

bool DiskRoom::Admit(const v1::Command& command, uint64_t bytes, uint64_t pending_bytes) {
  if (!IsNeededBy(command)) return true;
  if (nearly_full_) return false;
  const uint64_t since = since_.fetch_add(bytes) + bytes;
  const uint64_t before = since - bytes;
  if (since / kLookEveryBytes != before / kLookEveryBytes) {
    // What was let in up to now is either in files or pending; what comes meanwhile counts anew.
    free_ = ask_();
    since_ = 0;
  }
  const uint64_t coming = kBytesOnDisk * (pending_bytes + bytes + since_.load());
  const uint64_t free_bytes = free_.load();
  if (free_bytes >= coming && free_bytes - coming >= free_min_bytes_) return true;
  nearly_full_ = true;  // Until the next look at the whole.
  return false;
}

void DiskRoom::Look(bool has_reserve) {
  const uint64_t free_bytes = ask_();
  free_ = free_bytes;
  since_ = 0;
  scarce_ = free_bytes / 2 < free_min_bytes_;
  // Once it was refused there must be a little more, or it would be refused again at once.
  const uint64_t margin = nearly_full_ ? free_min_bytes_ / 8 : 0;
  const bool has_room = free_bytes >= free_min_bytes_ && free_bytes - free_min_bytes_ >= margin;
  nearly_full_ = lacks_.exchange(0) > 0 || !has_room || !has_reserve;
}

void DiskRoom::OnLack() {
  ++lacks_;
  nearly_full_ = true;
  scarce_ = true;
}

}  // namespace mom::replication
