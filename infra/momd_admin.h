// The first administrator.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/base/result.h"
#include "core/base/status.h"
#include "replication/replica/replica.h"

namespace mom::infra {

// Where the first administrator's password comes from. `given` is asked on the leader, when there is no user:
// the operator's password, or nothing; without one a random one is written to DATA_DIR/admin-password (mode
// 0600) first.
struct AdminPassword {
  std::function<Result<std::optional<std::string>>()> given;
  std::string data_dir;
};

// Creates the user "admin" when there is no user at all. Blocks until the entry is applied, as long as
// `keep_waiting` says so (else kStopping). A password that cannot be used is asked for again and again: the
// start went too far to refuse it. `tell` hears what is waited for, in short pauses. kIoError: the generated
// password could not be kept.
Status EnsureAdmin(replication::Replica* replica, const AdminPassword& password,
                   const std::function<bool()>& keep_waiting,
                   const std::function<void(const std::string& waits_for)>& tell);

}  // namespace mom::infra
