// Server: where a node listens.
#pragma once

#include <string>

namespace mom::bench {

struct Server {
  std::string host;  // A name or an address; IPv6 without brackets.
  std::string port;

  std::string Name() const { return host + ":" + port; }
};

}  // namespace mom::bench
