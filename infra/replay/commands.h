// The commands of mom-replay. Each works on the data folder of a stopped node and never writes there.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

namespace mom::replay {

// Exit codes of the program.
inline constexpr int kExitOk = 0;
inline constexpr int kExitDamaged = 1;  // Damaged, or not the same.
inline constexpr int kExitRefused = 2;  // Wrong usage, a running node, or the work could not be done.

struct Console {
  std::ostream* out;  // Results.
  std::ostream* err;  // Refusals and progress.
};

struct InspectOptions {
  std::string dir;
  std::string work_dir;  // Empty: the system's folder for temporary files.
};

struct VerifyOptions {
  std::string dir;
  std::string work_dir;
  bool deep = true;  // Compare every key and value, not only the digest.
};

struct DumpOptions {
  std::string dir;
  std::optional<uint64_t> from;  // Nothing: where the log starts.
  std::optional<uint64_t> to;    // Exclusive; nothing: where the log ends.
  bool json = false;
  bool bodies = false;
};

struct RebuildOptions {
  std::string dir;
  std::string work_dir;
  std::string output;             // Missing, or an empty folder.
  std::optional<uint64_t> until;  // Exclusive; nothing: where the log ends.
  bool accept_prefix = false;     // Of a damaged log: a view of what lies before the damage is wanted.
};

int Inspect(const InspectOptions& options, const Console& console);
int Verify(const VerifyOptions& options, const Console& console);
int Dump(const DumpOptions& options, const Console& console);
int Rebuild(const RebuildOptions& options, const Console& console);

// The whole program: parses the arguments and runs one command.
int RunReplay(int argc, char** argv, std::ostream& out, std::ostream& err);

}  // namespace mom::replay
