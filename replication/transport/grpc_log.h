// What gRPC itself has to say, in this program's log.
#pragma once

#include <functional>
#include <string>

#include "replication/transport/transport_options.h"

namespace mom::replication {

// From now on errors that gRPC notes go to `log`, at most one in ten seconds from each place in gRPC, which
// says how many were left out. For the whole process: gRPC knows one log only. Called on any thread; must not
// call gRPC.
void SetGrpcLog(std::function<void(LogLevel level, const std::string& text)> log);

}  // namespace mom::replication
