// NodeProcess: one momd that can be killed, paused and started again on the same folder.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "tests/cluster/net_space.h"

namespace mom::cluster {

inline constexpr char kAdminPassword[] = "cluster-admin-password";

struct NodeSetup {
  uint32_t id = 0;
  std::string momd;    // Path of the program.
  std::string folder;  // Data in folder/nID, output in folder/nID.out and .err.
  uint16_t rest_port = 0;
  uint16_t grpc_port = 0;
  std::string peers;                // The same text for all; empty: not given.
  std::string join;                 // Likewise.
  std::shared_ptr<NetSpace> space;  // Null: the machine's own network.
  uint32_t log_retain_mib = 0;      // 0: what momd takes by itself.
};

// Not thread-safe. Kills the process when destroyed, and with this process: nothing stays behind.
class NodeProcess {
 public:
  explicit NodeProcess(NodeSetup setup) : setup_(std::move(setup)) {}
  ~NodeProcess();
  NodeProcess(const NodeProcess&) = delete;
  NodeProcess& operator=(const NodeProcess&) = delete;

  // Returns at once. REQUIRES: not running.
  void Start();
  // Each is false when there was nothing to do it to.
  bool Kill();   // kill -9, and waits until it is gone.
  bool Pause();  // SIGSTOP.
  bool Resume();
  // SIGTERM, then kill -9 when it does not end in time. Exit code 0 is what a good stop has.
  int Terminate(int timeout_ms);

  // Whether it runs, paused or not. One that ended by itself is noticed here; see exit_status().
  bool running();
  bool paused() const { return paused_; }
  // As wait() gives it, of the last process that ended by itself; -1: none did.
  int exit_status() const { return exit_status_; }
  uint32_t boots() const { return boots_; }  // Starts so far; on any thread.
  const NodeSetup& setup() const { return setup_; }
  std::string data_dir() const { return setup_.folder + "/n" + std::to_string(setup_.id); }
  Endpoint rest() const;

 private:
  [[noreturn]] void Exec() const;
  void Reap();

  const NodeSetup setup_;
  pid_t pid_ = -1;
  bool paused_ = false;
  int exit_status_ = -1;
  std::atomic<uint32_t> boots_{0};
};

}  // namespace mom::cluster
