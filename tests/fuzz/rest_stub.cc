// What the decoders under test would answer through; without it the whole server would have to be linked.
#include "core/base/check.h"
#include "rest/api_call.h"

namespace mom::rest {

void Call::SendProblem(int, std::string_view, std::string_view, Fields) {
  MOM_CHECK(false, "no request is answered here");
}

}  // namespace mom::rest
