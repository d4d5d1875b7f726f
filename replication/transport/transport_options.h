// Options of the transport.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace mom::replication {

enum class LogLevel { kInfo, kWarning };

// Files in PEM form. All three or none. Both ends show a certificate that `ca` has signed; a node's names the
// host by which the others reach it.
struct TlsFiles {
  std::string ca;
  std::string certificate;
  std::string key;
  bool empty() const { return ca.empty() && certificate.empty() && key.empty(); }
};

struct TransportOptions {
  std::string listen = "127.0.0.1:0";  // Host and port; 0: any free one.
  TlsFiles tls;
  bool allow_plaintext = false;         // Beyond loopback, without TLS.
  uint32_t certificate_refresh_s = 10;  // How often the files are looked at for a renewed certificate.
  // Threads for all that gRPC tells. It lets one of them wait for the network, which wakes the next one
  // before it does anything with what came: a second one costs more than it brings.
  uint32_t threads = 1;

  int64_t notice_timeout_ms = 1000;  // Votes, notices, greetings.
  int64_t snapshot_timeout_ms = 10'000;
  int64_t keepalive_ms = 1000;  // A second net: the core's own heartbeats are faster.
  int64_t keepalive_timeout_ms = 3000;
  int64_t stop_ms = 1000;  // What is served may go on for so long in Stop().

  size_t notices_max = 64;  // On their way to one node; more are dropped.
  size_t streams_max = 64;  // Served.
  size_t calls_max = 4096;  // Served and not answered yet, of each kind.

  // Asked before a connection to another node is made and before a stream of one is served; false: not now,
  // who asked tries again. Any thread; must not block. Empty: always.
  std::function<bool()> admits;

  // Called on any thread; must not block. May be empty.
  std::function<void(LogLevel level, const std::string& text)> log;
};

}  // namespace mom::replication
