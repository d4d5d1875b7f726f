// Refusals of requests that certainly did nothing here, so that whoever stands before the nodes may give them
// to another one, whatever their method.
#pragma once

#include <string>

#include "rest/http_port.h"

namespace mom::rest {

// Marks `refusal` as an answer to a request of which nothing was done: `Mom-Outcome: not-done`. To the NGINX
// of infra/nginx, which says "X-Pass-On: nginx", it is a redirect to its location @another_node: NGINX never
// repeats a POST by itself.
void MarkNotDone(const HttpRequest& request, HttpResponse* refusal);

}  // namespace mom::rest
