// MomdProcess: a real momd in a process of its own, for black-box tests.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mom::blackbox {

inline constexpr char kAdminPassword[] = "black-box-admin-password";

// Not thread-safe. Kills what is still running when destroyed.
class MomdProcess {
 public:
  MomdProcess() = default;
  ~MomdProcess();
  MomdProcess(const MomdProcess&) = delete;
  MomdProcess& operator=(const MomdProcess&) = delete;

  // Starts momd with REST on a free loopback port and waits for its ready line. False: it ended instead; see
  // exit_code() and log().
  bool Start(const std::string& data_dir, const std::vector<std::string>& extra = {});
  // Of what is started from now on; nothing: it does not have the variable. MOM_ADMIN_PASSWORD is
  // kAdminPassword unless set here.
  void SetEnvironment(const std::string& name, std::optional<std::string> value) {
    environment_[name] = std::move(value);
  }
  // Starts it and returns at once. Then WaitReady() or Terminate().
  void Launch(const std::string& data_dir, const std::vector<std::string>& extra = {});
  bool WaitReady();  // What Start returns.
  void Kill();       // kill -9, and waits.
  int Terminate();   // SIGTERM; the exit code, -1 when it was ended by a signal.

  uint16_t port() const { return port_; }
  int exit_code() const { return exit_code_; }
  pid_t pid() const { return pid_; }
  std::string log() const;  // Standard error so far.

 private:
  int Wait();

  pid_t pid_ = -1;
  int out_ = -1;  // Its standard output, until it was ready.
  uint16_t port_ = 0;
  int exit_code_ = -1;
  std::string log_path_;
  std::map<std::string, std::optional<std::string>> environment_ = {{"MOM_ADMIN_PASSWORD", kAdminPassword}};
};

// A folder under the system's temporary folder that goes with the object.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace mom::blackbox
