#include "rest/not_done.h"

namespace mom::rest {

void MarkNotDone(const HttpRequest& request, HttpResponse* refusal) {
  refusal->headers.emplace_back("Mom-Outcome", "not-done");
  const std::string* pass_on = request.FindHeader("x-pass-on");
  if (pass_on == nullptr || *pass_on != "nginx") return;
  refusal->headers.emplace_back("X-Accel-Redirect", "@another_node");
  // NGINX would add it to the other node's answer.
  std::erase_if(refusal->headers, [](const auto& header) { return header.first == "Cache-Control"; });
}

}  // namespace mom::rest
