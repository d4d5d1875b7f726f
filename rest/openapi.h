// The published contract: rest/openapi.yaml, put into the program when it is built.
#pragma once

#include <string_view>

namespace mom::rest {

std::string_view OpenApiJson();

}  // namespace mom::rest
