#include "tests/rest/blackbox/momd_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace mom::blackbox {
namespace {

// In the child: never returns.
[[noreturn]] void Exec(const std::vector<std::string>& arguments, int out, const std::string& log_path,
                       const std::map<std::string, std::optional<std::string>>& environment) {
  const int log = open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(out, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  for (const auto& [name, value] : environment)
    value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
  std::vector<char*> argv;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  _exit(127);
}

}  // namespace

MomdProcess::~MomdProcess() {
  Kill();
}

bool MomdProcess::Start(const std::string& data_dir, const std::vector<std::string>& extra) {
  Launch(data_dir, extra);
  return WaitReady();
}

void MomdProcess::Launch(const std::string& data_dir, const std::vector<std::string>& extra) {
  std::vector<std::string> arguments = {MOMD_PATH,     "--data-dir",          data_dir, "--rest-listen",
                                        "127.0.0.1:0", "--disk-free-min-mib", "0"};
  arguments.insert(arguments.end(), extra.begin(), extra.end());
  log_path_ = data_dir + ".log";
  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) std::abort();
  pid_ = fork();
  if (pid_ == 0) Exec(arguments, out[1], log_path_, environment_);
  close(out[1]);
  out_ = out[0];
}

bool MomdProcess::WaitReady() {
  FILE* lines = fdopen(std::exchange(out_, -1), "r");
  char line[256];
  unsigned port = 0;
  const bool ready =
      std::fgets(line, sizeof line, lines) && std::sscanf(line, "ready rest=127.0.0.1:%u", &port) == 1;
  std::fclose(lines);
  port_ = static_cast<uint16_t>(port);
  if (!ready) Wait();
  return ready;
}

void MomdProcess::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  Wait();
}

int MomdProcess::Terminate() {
  if (pid_ > 0) kill(pid_, SIGTERM);
  return Wait();
}

int MomdProcess::Wait() {
  if (out_ >= 0) close(std::exchange(out_, -1));
  if (pid_ <= 0) return exit_code_;
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return exit_code_;
}

std::string MomdProcess::log() const {
  std::ifstream file(log_path_);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TempDir::TempDir() {
  std::string pattern = std::filesystem::temp_directory_path() / "mom-blackbox-XXXXXX";
  path_ = mkdtemp(pattern.data());
}

TempDir::~TempDir() {
  std::filesystem::remove_all(path_);
}

}  // namespace mom::blackbox
