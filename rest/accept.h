// What a client would rather have as its answer.
#pragma once

#include "rest/http_port.h"

namespace mom::rest {

// Whether the headers Accept name application/octet-stream and nothing makes JSON the better choice: a higher
// weight (q), or application/json before it with the same one. Ranges that are not well-formed do not count.
bool WantsOctets(const HttpRequest& request);

}  // namespace mom::rest
