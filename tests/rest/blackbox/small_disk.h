// SmallDisk: a file system of a given size for one test.
#pragma once

#include <cstdint>
#include <string>

namespace mom::blackbox {

// A tmpfs in a mount namespace of this process, which children share. Not thread-safe; REQUIRES: made while
// the process has one thread.
class SmallDisk {
 public:
  // At `path`, which is made.
  SmallDisk(std::string path, uint64_t mib);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  // False: this process may not mount. why() says what failed.
  bool mounted() const { return mounted_; }
  const std::string& why() const { return why_; }
  bool Resize(uint64_t mib) const;
  // Writes a file of others until nothing is free, and removes it.
  void FillUp() const;
  void RemoveFilling() const;
  uint64_t FreeBytes() const;

 private:
  bool EnterNamespace();

  const std::string path_;
  bool mounted_ = false;
  std::string why_;
};

}  // namespace mom::blackbox
