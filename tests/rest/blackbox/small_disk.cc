#include "tests/rest/blackbox/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

namespace mom::blackbox {
namespace {

bool Write(const char* path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  return file.good();
}

std::string SizeOption(uint64_t mib) {
  return "size=" + std::to_string(mib) + "m";
}

}  // namespace

SmallDisk::SmallDisk(std::string path, uint64_t mib) : path_(std::move(path)) {
  std::filesystem::create_directories(path_);
  if (!EnterNamespace()) return;
  mounted_ = mount("tmpfs", path_.c_str(), "tmpfs", 0, SizeOption(mib).c_str()) == 0;
  if (!mounted_) why_ = std::string("mount: ") + std::strerror(errno);
}

SmallDisk::~SmallDisk() {
  if (mounted_) umount2(path_.c_str(), MNT_DETACH);
}

// As root, else as the root of a user namespace of its own.
bool SmallDisk::EnterNamespace() {
  const uid_t user = getuid();
  const gid_t group = getgid();
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
      why_ = std::string("unshare: ") + std::strerror(errno);
      return false;
    }
    Write("/proc/self/setgroups", "deny");
    Write("/proc/self/uid_map", "0 " + std::to_string(user) + " 1");
    Write("/proc/self/gid_map", "0 " + std::to_string(group) + " 1");
  }
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) return true;
  why_ = std::string("mount --make-private: ") + std::strerror(errno);
  return false;
}

bool SmallDisk::Resize(uint64_t mib) const {
  return mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT, SizeOption(mib).c_str()) == 0;
}

void SmallDisk::FillUp() const {
  const int file = open((path_ + "/of-others").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const std::string block(4096, 'x');
  while (write(file, block.data(), block.size()) > 0) {
  }
  close(file);
}

void SmallDisk::RemoveFilling() const {
  std::filesystem::remove(path_ + "/of-others");
}

uint64_t SmallDisk::FreeBytes() const {
  return std::filesystem::space(path_).available;
}

}  // namespace mom::blackbox
