// Names of the view's key tables, and keys in a printable form that gives no secret away.
#pragma once

#include <string>
#include <string_view>

namespace mom::replay {

// "u (users)".
std::string TableName(std::string_view key);

// The key behind its table letter with everything unusual escaped, cut at a length for one line. Keys that
// hold hashes of tokens are not shown.
std::string PrintableKey(std::string_view key);

}  // namespace mom::replay
