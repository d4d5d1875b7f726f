// The first administrator's password as an operator gives it: by environment variable or file.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace mom::infra {

// `given` without a UTF-8 byte order mark in front and without one line end (LF or CR LF) behind, as editors,
// `echo` and Windows add them. kInvalidArgument, without the password in it, when the rest is empty, not
// UTF-8, holds control characters (a second line, too), or has not the 8 to 128 characters that the REST API
// asks for. `source` names where it comes from.
Result<std::string> CleanPassword(std::string_view given, const std::string& source);

// The password of `variable` (MOM_ADMIN_PASSWORD; null or empty: not given), else that of the file at `path`
// (empty: not given); nothing when none is given. A file that its group or others may write is refused; one
// that they may read, as secrets of containers are, is a line for `warn`.
Result<std::optional<std::string>> GivenPassword(const char* variable, const std::string& path,
                                                 const std::function<void(const std::string&)>& warn);

}  // namespace mom::infra
