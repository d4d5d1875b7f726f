// The first administrator.
#pragma once

#include <functional>
#include <string>

#include "core/base/status.h"
#include "replication/replica/replica.h"

namespace mom::infra {

// Creates the user "admin" when there is no user at all. The password is MOM_ADMIN_PASSWORD, or the first
// line of `password_file`, or a random one that is written to DATA_DIR/admin-password (mode 0600) first.
// Blocks until the entry is applied.
Status EnsureAdmin(replication::Replica* replica, const std::string& data_dir,
                   const std::string& password_file, const std::function<bool()>& keep_waiting);

}  // namespace mom::infra
