#include "rest/http_port.h"

#include <algorithm>

#include "core/base/check.h"

namespace mom::rest {
namespace {

thread_local AnswersTogether* together = nullptr;

}  // namespace

void Responder::Send(HttpResponse response) {
  auto sink = std::move(sink_);
  if (sink == nullptr || AnswersTogether::Keep(&sink, request_number_, &response)) return;
  sink->Complete(request_number_, std::move(response));
}

AnswersTogether::AnswersTogether() {
  MOM_CHECK(together == nullptr);
  together = this;
}

AnswersTogether::~AnswersTogether() {
  HandOver();
  together = nullptr;
}

bool AnswersTogether::Keep(std::shared_ptr<Responder::Sink>* sink, uint64_t request_number,
                           HttpResponse* response) {
  if (together == nullptr) return false;
  auto& kept = together->kept_;
  auto it = std::find_if(kept.begin(), kept.end(), [&](const Kept& k) { return k.sink == *sink; });
  if (it == kept.end()) it = kept.insert(kept.end(), Kept{std::move(*sink), {}});
  it->answers.emplace_back(request_number, std::move(*response));
  if (++together->count_ >= kAnswersMax) together->HandOver();
  return true;
}

void AnswersTogether::HandOver() {
  for (Kept& kept : kept_) {
    if (!kept.answers.empty()) kept.sink->CompleteAll(&kept.answers);
  }
  count_ = 0;
}

}  // namespace mom::rest
