// Names of a message's headers. They travel as HTTP headers, too, so upper and lower case are the same.
#pragma once

#include <string>
#include <string_view>

#include "mom/v1/records.pb.h"

namespace mom::broker {

// Begins with "mom-": what the broker says about a message, which no sender can say in its name.
bool IsReservedHeader(std::string_view name);

// A name that comes twice, in lower case; empty when none does.
std::string RepeatedHeader(const google::protobuf::RepeatedPtrField<v1::Header>& headers);

}  // namespace mom::broker
