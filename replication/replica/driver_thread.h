// DriverThread: the thread of a ReplicaDriver, and the one timer that the driver asks for. Whatever runs on
// the thread is a Task, and every Task ends in setting the timer to what the driver wants by then: who
// changes the driver's plans cannot forget it. AsioRuntime is one on Boost.Asio; the simulator's nodes are
// others, so that they run this code, too.
#pragma once

#include <functional>
#include <utility>

#include "core/base/time.h"
#include "replication/replica/ports.h"

namespace mom::replication {

class ReplicaDriver;

// Used on its thread, except where noted.
class DriverThread : public RuntimePort {
 public:
  // Something to be run on the thread. Only a DriverThread makes them, and whoever has a queue of the thread
  // takes nothing else.
  class Task {
   public:
    void operator()() const { thread_->Run(run_); }

   private:
    friend class DriverThread;
    Task(DriverThread* thread, std::function<void()> run) : thread_(thread), run_(std::move(run)) {}

    DriverThread* thread_;
    std::function<void()> run_;
  };

  // Any thread.
  void Post(std::function<void()> run) final;
  // The timer is this driver's from the end of the present task on; null: nobody's. `driver` must outlive
  // that. May also be called while nothing runs.
  void Serve(ReplicaDriver* driver);

 protected:
  DriverThread();
  // Any thread.
  Task MakeTask(std::function<void()> run) { return Task(this, std::move(run)); }
  // Runs `task` on the thread, after those that were queued before. Any thread.
  virtual void Enqueue(Task task) = 0;
  // Runs `task` on the thread at `at`, in the place of the one before; kNever: just not that one. One that
  // can no longer be held back does no harm.
  virtual void SetTimer(Instant at, Task task) = 0;

 private:
  void Run(const std::function<void()>& run);
  void Rearm();
  void OnTimer(Instant at);

  ReplicaDriver* driver_ = nullptr;
  Instant armed_for_;
};

}  // namespace mom::replication
