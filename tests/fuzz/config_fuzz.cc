// Fuzz target: momd's configuration file, and HOST:PORT.
// Goal: never a crash and never an exception; an accepted configuration is within its limits, and written as
// a file and read again it is the same.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <sstream>
#include <string>

#include "core/base/check.h"
#include "infra/momd_config.h"
#include "tests/fuzz/fuzz_input.h"

namespace mom::infra {
namespace {

using fuzz::FuzzInput;

// The configuration of a file with these bytes, which is never on a disk.
std::optional<MomdConfig> Parse(std::string_view bytes) {
  static const int file = memfd_create("config", 0);
  MOM_CHECK(file >= 0 && ftruncate(file, 0) == 0);
  MOM_CHECK(pwrite(file, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  std::string program = "momd";
  std::string flag = "--config";
  std::string path = "/proc/self/fd/" + std::to_string(file);
  char* arguments[] = {program.data(), flag.data(), path.data(), nullptr};
  const ParsedArguments parsed = ParseArguments(3, arguments);
  MOM_CHECK(parsed.config.has_value() == (parsed.exit_code == 0));
  return parsed.config;
}

std::string Quoted(const std::string& text) {
  std::ostringstream out;
  out << '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out << '\\' << c;
    } else if (byte < 0x20 || byte == 0x7f) {
      constexpr std::string_view kHex = "0123456789abcdef";
      out << "\\u00" << kHex[byte >> 4] << kHex[byte & 15];
    } else {
      out << c;
    }
  }
  out << "\"\n";
  return out.str();
}

std::string Write(const MomdConfig& config) {
  std::ostringstream out;
  out << "node_id = " << config.node_id << "\nrest_threads = " << config.rest_threads;
  out << "\nlog_retain_mib = " << config.log_retain_mib;
  out << "\ndisk_free_min_mib = \"" << config.disk_free_min_mib << "\"\n";
  out << "data_dir = " << Quoted(config.data_dir) << "rest_listen = " << Quoted(config.rest_listen);
  out << "grpc_listen = " << Quoted(config.grpc_listen) << "registration = " << Quoted(config.registration);
  out << "log_level = " << Quoted(config.log_level)
      << "admin_password_file = " << Quoted(config.admin_password_file);
  out << "peers = " << Quoted(config.peers) << "join = " << Quoted(config.join);
  return out.str();
}

// toml++ 3.3 is undefined for some letters where it looks for a space ("a = \xCA\x91"): GCC's code refuses
// the file all the same, clang's stops. So letters beyond ASCII come as escapes, and only inside of strings
// when the file is written back.
bool IsAscii(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void CheckFile(std::string_view bytes) {
  if (!IsAscii(bytes)) return;
  const auto config = Parse(bytes);
  if (!config) return;
  MOM_CHECK(config->node_id >= 1 && config->rest_threads >= 1 && config->rest_threads <= 64);
  MOM_CHECK(config->registration == "open" || config->registration == "closed", config->registration);
  const auto again = Parse(Write(*config));
  MOM_CHECK(again.has_value() && Write(*again) == Write(*config), Write(*config));
}

void CheckHostPort(const std::string& text) {
  const auto read = ParseHostPort(text);
  if (!read.ok()) return;
  MOM_CHECK(!read->host.empty());
  const auto again = ParseHostPort(read->host + ":" + std::to_string(read->port));
  MOM_CHECK(again.ok() && again->host == read->host && again->port == read->port, text);
}

void FuzzOne(FuzzInput input) {
  std::cerr.setstate(std::ios::badbit);  // Refusals say why, thousands of times a second.
  const uint8_t mode = input.Byte();
  if (mode % 4 == 3) return CheckHostPort(std::string(input.TakeRest()));
  CheckFile(input.TakeRest());
}

}  // namespace
}  // namespace mom::infra

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mom::infra::FuzzOne({data, size});
  return 0;
}
