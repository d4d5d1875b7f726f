// Log entries as lines for people and as JSON for programs.
#pragma once

#include <boost/json/object.hpp>

#include <string>

#include "core/base/entry.h"

namespace mom::replay {

// Never holds a hash of a password, session or token. `ids` of a publication are those that its messages have
// if it was accepted and none is a duplicate: the log does not hold outcomes. Bodies only when `with_bodies`:
// "body" for UTF-8, else "body_base64".
boost::json::object ToJson(const Entry& entry, bool with_bodies);

// The same as one line of name=value without line end.
std::string ToLine(const Entry& entry, bool with_bodies);

}  // namespace mom::replay
