#include "tests/cluster/node_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include "core/base/check.h"

namespace mom::cluster {

NodeProcess::~NodeProcess() {
  Kill();
}

Endpoint NodeProcess::rest() const {
  return Endpoint{setup_.space.get(), setup_.rest_port};
}

// Between fork and exec: only what is safe there, but for the strings that were made before.
void NodeProcess::Exec() const {
  const std::string id = std::to_string(setup_.id);
  const std::string out = data_dir() + ".out", err = data_dir() + ".err";
  const std::string rest = "127.0.0.1:" + std::to_string(setup_.rest_port);
  const std::string grpc = "127.0.0.1:" + std::to_string(setup_.grpc_port);
  const std::string data = data_dir();
  std::vector<const char*> arguments = {
      setup_.momd.c_str(), "--node-id",           id.c_str(),   "--data-dir",
      data.c_str(),        "--rest-listen",       rest.c_str(), "--grpc-listen",
      grpc.c_str(),        "--disk-free-min-mib", "0"};
  if (!setup_.peers.empty()) arguments.insert(arguments.end(), {"--peers", setup_.peers.c_str()});
  const std::string retain = std::to_string(setup_.log_retain_mib);
  if (setup_.log_retain_mib > 0) arguments.insert(arguments.end(), {"--log-retain-mib", retain.c_str()});
  if (!setup_.join.empty()) arguments.insert(arguments.end(), {"--join", setup_.join.c_str()});
  arguments.push_back(nullptr);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (setup_.space && !setup_.space->Enter()) _exit(126);
  dup2(open(out.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600), STDOUT_FILENO);
  dup2(open(err.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600), STDERR_FILENO);
  setenv("MOM_ADMIN_PASSWORD", kAdminPassword, 1);
  // Else it holds copies of the proxy's connections, and the others never see those end.
  close_range(STDERR_FILENO + 1, ~0u, 0);
  execv(arguments[0], const_cast<char**>(arguments.data()));
  _exit(127);
}

void NodeProcess::Start() {
  MOM_CHECK(pid_ < 0);
  ++boots_;
  pid_ = fork();
  MOM_CHECK(pid_ >= 0);
  if (pid_ == 0) Exec();
}

void NodeProcess::Reap() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  exit_status_ = status;
  pid_ = -1;
  paused_ = false;
}

bool NodeProcess::Kill() {
  if (!running()) return false;
  kill(pid_, SIGKILL);
  Reap();
  exit_status_ = -1;
  return true;
}

bool NodeProcess::Pause() {
  if (!running() || paused_) return false;
  return paused_ = kill(pid_, SIGSTOP) == 0;
}

bool NodeProcess::Resume() {
  if (!running() || !paused_) return false;
  paused_ = false;
  return kill(pid_, SIGCONT) == 0;
}

int NodeProcess::Terminate(int timeout_ms) {
  if (!running()) return -1;
  kill(pid_, SIGTERM);
  for (int waited_ms = 0; waited_ms < timeout_ms; waited_ms += 5) {
    if (!running()) return WIFEXITED(exit_status_) ? WEXITSTATUS(exit_status_) : -1;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  Kill();
  return -1;
}

bool NodeProcess::running() {
  if (pid_ < 0) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return true;
  exit_status_ = status;
  pid_ = -1;
  paused_ = false;
  return false;
}

}  // namespace mom::cluster
