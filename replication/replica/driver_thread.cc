#include "replication/replica/driver_thread.h"

#include "core/quorum/types.h"
#include "replication/replica/replica_driver.h"

namespace mom::replication {

DriverThread::DriverThread() : armed_for_(quorum::kNever) {}

void DriverThread::Post(std::function<void()> run) {
  Enqueue(MakeTask(std::move(run)));
}

void DriverThread::Serve(ReplicaDriver* driver) {
  driver_ = driver;
  armed_for_ = quorum::kNever;
}

void DriverThread::Run(const std::function<void()>& run) {
  run();
  Rearm();
}

// Setting a timer costs system calls: most tasks change nothing.
void DriverThread::Rearm() {
  const Instant at = driver_ == nullptr ? quorum::kNever : driver_->wake_at();
  if (at == armed_for_) return;
  armed_for_ = at;
  SetTimer(at, MakeTask([this, at] { OnTimer(at); }));
}

void DriverThread::OnTimer(Instant at) {
  if (armed_for_ != at || driver_ == nullptr) return;
  armed_for_ = quorum::kNever;
  driver_->Tick();
}

}  // namespace mom::replication
