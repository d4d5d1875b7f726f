// A real node and its data folder, and mom-replay run on it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mom/v1/commands.pb.h"
#include "replication/replica/asio_replica.h"

namespace mom::replay {

// Secrets of the node: nothing that mom-replay prints may hold the first, nor the second unless asked for.
inline constexpr char kPasswordHash[] = "argon2-secret";
inline constexpr char kBody[] = "a very private body";

// How a run of mom-replay ended.
struct Ran {
  int exit = -1;
  std::string out;
  std::string err;
  bool Says(const std::string& text) const { return out.find(text) != std::string::npos; }
};

// Runs the tool with these behind its name.
Ran Tool(std::vector<std::string> arguments);

std::string ReadFile(const std::filesystem::path& path);

// Not thread-safe. The node is one of its own cluster; its folder goes with the test.
class ReplayTest : public testing::Test {
 protected:
  ReplayTest();
  ~ReplayTest() override;

  void Start();
  v1::Reply Do(v1::Command command);
  // A user with a session and a queue, and messages in several segments.
  void Fill(int messages);
  void Publish(int messages);
  void MakeStoppedNode();

  // Of the log, in order.
  std::vector<std::filesystem::path> Segments() const;
  // Damages the byte at `at`.
  static void Flip(const std::filesystem::path& path, std::streamoff at);
  void WriteToView(const std::string& key, std::optional<std::string> value);
  // Runs on the data folder, and checks that neither it nor the work folder shows a trace of that.
  Ran Checked(std::vector<std::string> arguments);

  std::string root_;
  std::string dir_;  // The data folder.
  replication::ReplicaOptions options_;
  std::unique_ptr<replication::AsioReplica> node_;  // Null while it is stopped.
};

}  // namespace mom::replay
