#include "wal/room_env.h"

#include <chrono>

namespace mom::wal {
namespace {

constexpr auto kPause = std::chrono::milliseconds(50);

}  // namespace

void RoomEnv::BePatient(std::function<void(const std::string& path)> lacking) {
  std::lock_guard lock(mutex_);
  patient_ = true;
  lacking_ = std::move(lacking);
}

void RoomEnv::GiveUp() {
  {
    std::lock_guard lock(mutex_);
    patient_ = false;
    lacking_ = nullptr;
  }
  wake_.notify_all();
}

bool RoomEnv::AwaitRoom(const std::string& path) {
  std::unique_lock lock(mutex_);
  if (!patient_) return false;
  if (lacking_) lacking_(path);
  wake_.wait_for(lock, kPause, [this] { return !patient_; });
  return patient_;
}

}  // namespace mom::wal
