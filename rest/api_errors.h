// How refusals of the broker and failures of the replica look over HTTP: the one table.
#pragma once

#include <string_view>

#include "core/base/status.h"
#include "mom/v1/commands.pb.h"
#include "rest/http_port.h"

namespace mom::rest {

struct ErrorShape {
  v1::ErrorCode error;
  int status;
  std::string_view code;
};

// Never fails: an unknown code is a 500.
const ErrorShape& ShapeOf(v1::ErrorCode error);
inline std::string_view CodeOf(v1::ErrorCode error) {
  return ShapeOf(error).code;
}

// REQUIRES: reply.error().
HttpResponse RefusalOf(const v1::Reply& reply);
// REQUIRES: !status.ok().
HttpResponse FailureOf(const Status& status);

}  // namespace mom::rest
