#include "tests/cluster/net_space.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <mutex>
#include <random>
#include <set>
#include <string>

#include "core/base/check.h"

namespace mom::cluster {
namespace {

constexpr char kOwnSpace[] = "/proc/thread-self/ns/net";

bool BringLoopbackUp() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  const bool done = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
  close(fd);
  return done;
}

bool WriteFile(const char* path, const std::string& text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool done = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return done;
}

// Opens a socket and comes back to where the thread was.
class Visit {
 public:
  explicit Visit(int space) : home_(open(kOwnSpace, O_RDONLY | O_CLOEXEC)) {
    there_ = home_ >= 0 && setns(space, CLONE_NEWNET) == 0;
  }
  ~Visit() {
    if (there_) MOM_CHECK(setns(home_, CLONE_NEWNET) == 0);
    if (home_ >= 0) close(home_);
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  bool there() const { return there_; }

 private:
  const int home_;
  bool there_;
};

}  // namespace

std::shared_ptr<NetSpace> NetSpace::Make() {
  const int home = open(kOwnSpace, O_RDONLY | O_CLOEXEC);
  if (home < 0 || unshare(CLONE_NEWNET) != 0) {
    if (home >= 0) close(home);
    return nullptr;
  }
  const bool up = BringLoopbackUp();
  const int fd = open(kOwnSpace, O_RDONLY | O_CLOEXEC);
  MOM_CHECK(setns(home, CLONE_NEWNET) == 0);
  close(home);
  if (up && fd >= 0) return std::shared_ptr<NetSpace>(new NetSpace(fd));
  if (fd >= 0) close(fd);
  return nullptr;
}

NetSpace::~NetSpace() {
  close(fd_);
}

int NetSpace::Socket() const {
  const Visit visit(fd_);
  return visit.there() ? SocketIn(nullptr) : -1;
}

bool NetSpace::Enter() const {
  return setns(fd_, CLONE_NEWNET) == 0;
}

bool BecomeAbleToMakeSpaces() {
  if (geteuid() == 0) return true;
  const uid_t user = geteuid();
  const gid_t group = getegid();
  // The network, too: coming back to one that belongs to the machine's root would not be allowed.
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
  return WriteFile("/proc/self/setgroups", "deny") &&
         WriteFile("/proc/self/uid_map", "0 " + std::to_string(user) + " 1") &&
         WriteFile("/proc/self/gid_map", "0 " + std::to_string(group) + " 1") && BringLoopbackUp();
}

int SocketIn(const NetSpace* space) {
  if (space != nullptr) return space->Socket();
  return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

uint16_t FreePort() {
  static std::mutex mutex;
  static std::set<uint16_t> given;
  static std::mt19937 random{std::random_device{}()};
  std::lock_guard lock(mutex);
  // Below the range from which connections get theirs.
  std::uniform_int_distribution<uint16_t> ports(10'240, 32'000);
  for (int tries = 0; tries < 1000; ++tries) {
    const uint16_t port = ports(random);
    const int fd = given.contains(port) ? -1 : SocketIn(nullptr);
    if (fd < 0) continue;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool is_free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    close(fd);
    if (!is_free) continue;
    given.insert(port);
    return port;
  }
  return 0;
}

}  // namespace mom::cluster
