#include "rest/api_call.h"

#include <sodium.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "core/base/check.h"
#include "core/broker/access.h"
#include "core/broker/keys.h"
#include "rest/api_errors.h"
#include "rest/names.h"
#include "rest/zlib_gunzip.h"

namespace mom::rest {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

// In lower case, several as one list; empty: the body is as it is.
std::string EncodingOf(const HttpRequest& request) {
  std::string encoding;
  for (const auto& [name, value] : request.headers) {
    if (name != "content-encoding" || value.empty() || Lower(value) == "identity") continue;
    encoding.append(encoding.empty() ? "" : ", ").append(Lower(value));
  }
  return encoding;
}

}  // namespace

Services::Services(replication::Replica* node, ApiOptions settings)
    : replica(node),
      options(std::move(settings)),
      metrics(Api::Routes()),
      logins(options.login),
      passwords(options.hash_threads, options.hash_waiting_max, options.password_cost),
      answers("mom-answers", options.answer_threads, options.answer_waiting_max),
      waiters(options.waiting) {}

void Services::Stop() {
  stopping = true;
  waiters.Stop();
  passwords.Stop();
  logins.Stop();
  answers.Stop();
}

Instant SteadyNow() {
  return Instant{std::chrono::duration_cast<std::chrono::nanoseconds>(
                     std::chrono::steady_clock::now().time_since_epoch())
                     .count()};
}

Call::Call(std::shared_ptr<Services> services, HttpRequest request, Responder responder)
    : services_(std::move(services)),
      request_(std::move(request)),
      responder_(std::move(responder)),
      route_(services_->metrics.unmatched_route()),
      begin_(SteadyNow()) {}

bool Call::IsAdmin(const broker::ViewReader& view) const {
  const auto bytes = view.Get(broker::keys::User(user_));
  v1::UserRecord record;
  return bytes && record.ParseFromString(*bytes) && record.admin();
}

std::unique_ptr<replication::ViewSnapshot> Call::Snapshot() {
  auto snapshot = services_->replica->Snapshot();
  const Offset end = snapshot->applied_end();
  read_end_ = is_exact_ ? std::min(*read_end_, end) : end;
  is_exact_ = true;
  return snapshot;
}

std::string Call::Address() const {
  std::string forwarded;  // A proxy adds at the end of a line, or a line of its own.
  for (const auto& [name, value] : request_.headers)
    if (name == "x-forwarded-for") forwarded.append(forwarded.empty() ? "" : ",").append(value);
  return ClientAddress(request_.peer, forwarded, options().trusted_proxies);
}

void Call::AddHeaders(HttpResponse* response) const {
  std::string* lines = &response->header_lines;
  lines->reserve(224);
  const auto add_number = [lines](std::string_view name, uint64_t value) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    lines->append(name).append(digits, static_cast<size_t>(end - digits)).append("\r\n");
  };
  add_number("Mom-Node: ", options().node_id);
  lines->append("Mom-Role: ").append(services_->replica->Role()).append("\r\n");
  add_number("Mom-Applied: ", read_end_.value_or(services_->replica->applied_end()).value);
  if (write_offset_) {
    add_number("Mom-Offset: ", write_offset_->value);
    add_number("Mom-Epoch: ", write_epoch_.value);
    lines->append("Mom-Durability: quorum-fsync\r\n");
  }
  if (replayed_) lines->append("Mom-Replayed: true\r\n");
  lines->append("X-Content-Type-Options: nosniff\r\n");
  const bool has_cache_control =
      std::any_of(response->headers.begin(), response->headers.end(),
                  [](const auto& header) { return header.first == "Cache-Control"; });
  if (!has_cache_control) lines->append("Cache-Control: no-store\r\n");
}

void Call::Send(HttpResponse response) {
  AddHeaders(&response);
  services_->metrics.Record(route_, response.status, SteadyNow().ns - begin_.ns);
  responder_.Send(std::move(response));
}

void Call::SendJson(int status, std::string json) {
  Send(HttpResponse{status, {{"Content-Type", "application/json"}}, std::move(json)});
}

void Call::SendEmpty(int status) {
  Send(HttpResponse{status, {}, {}});
}

void Call::SendProblem(int status, std::string_view code, std::string_view detail, Fields fields) {
  HttpResponse response = Problem(status, code, detail, fields);
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  Send(std::move(response));
}

// Packed and unpacked body have the same limit, so that a small request cannot become a large one.
bool Call::DecodeBody() {
  const std::string encoding = request_.body.empty() ? std::string() : EncodingOf(request_);
  if (encoding.empty()) return true;
  const auto refuse = [this](const std::string& detail) {
    HttpResponse response = Problem(415, "unsupported-encoding", detail);
    response.headers.emplace_back("Accept-Encoding", "gzip");
    Send(std::move(response));
    return false;
  };
  if (encoding != "gzip" && encoding != "x-gzip")
    return refuse("Content-Encoding of JSON must be gzip, or leave it out; not \"" + encoding.substr(0, 64) +
                  "\"");
  std::string bytes;
  switch (Gunzip(request_.body, body_bytes_max_, &bytes)) {
    case Gunzipped::kDamaged:
      return refuse("the body is not whole gzip; send it as its Content-Encoding says, or leave that out");
    case Gunzipped::kTooLarge:
      SendProblem(413, "too-large",
                  "the unpacked body is larger than " + std::to_string(body_bytes_max_) + " bytes");
      return false;
    case Gunzipped::kWhole:
      break;
  }
  request_.body = std::move(bytes);
  std::erase_if(request_.headers, [](const auto& header) { return header.first == "content-encoding"; });
  return true;
}

JsonBody* Call::ParseBody() {
  static thread_local JsonBody body;
  if (const std::string* type = request_.FindHeader("content-type");
      type != nullptr && !request_.body.empty()) {
    std::string media = type->substr(0, type->find(';'));
    media.resize(media.find_last_not_of(' ') + 1);
    media = Lower(media);
    if (media != "application/json") {
      SendProblem(415, "not-json", "the body must be application/json, not \"" + media + "\"");
      return nullptr;
    }
  }
  if (!DecodeBody()) return nullptr;
  static constexpr std::string_view kEmptyObject = "{}";
  const Status parsed = body.Parse(request_.body.empty() ? kEmptyObject : std::string_view(request_.body));
  if (parsed.ok()) return &body;
  SendProblem(400, "malformed-json", parsed.message());
  return nullptr;
}

bool Call::FinishBody(JsonBody* body) {
  const Status finished = body->Finish();
  if (!finished.ok()) SendProblem(400, "invalid-field", finished.message());
  return finished.ok();
}

std::optional<QueryParameters> Call::ParseQuery(std::initializer_list<std::string_view> known) {
  Result<QueryParameters> query = QueryParameters::Parse(request_.query);
  Status status = query.status();
  if (status.ok()) status = query->CheckKnown(known);
  if (status.ok()) return *std::move(query);
  SendProblem(400, "invalid-query", status.message());
  return std::nullopt;
}

bool Call::CheckName(std::string_view parameter_name, std::string_view code) {
  const std::string& name = parameter(parameter_name);
  if (IsName(name)) return true;
  SendProblem(404, code,
              "there is no \"" + name.substr(0, kNameCharsMax) + "\": that is not a possible name");
  return false;
}

v1::Command Call::MakeCommand(std::string_view beyond_body) {
  v1::Command command;
  command.set_user(user_);
  command.set_session_hash(session_hash_);
  if (key_.empty()) return command;
  command.set_idempotency_key(key_);
  if (request_hash_ == 0) {
    std::string text = request_.method + " " + request_.path + "?" + request_.query + "\n";
    text.append(request_.body);
    const uint64_t seed = beyond_body.empty() ? 0 : XXH3_64bits(beyond_body.data(), beyond_body.size());
    request_hash_ = XXH3_64bits_withSeed(text.data(), text.size(), seed);
  }
  command.set_request_hash(request_hash_);
  return command;
}

void Call::Propose(v1::Command command, OnReply on_reply) {
  services_->replica->Propose(std::move(command), [call = shared_from_this(), on_reply = std::move(on_reply)](
                                                      replication::Outcome outcome) {
    if (call->CheckOutcome(outcome)) on_reply(*call, outcome);
  });
}

bool Call::CheckOutcome(const replication::Outcome& outcome) {
  if (!outcome.status.ok()) {
    Send(FailureOf(outcome.status));
    return false;
  }
  replayed_ = outcome.reply.replayed();
  write_offset_ = replayed_ ? Offset{outcome.reply.offset()} : outcome.offset;
  write_epoch_ = outcome.epoch;
  // A reply is of its own entry; what is read from now on, of a state behind it.
  read_end_ = std::max(read_end_.value_or(Offset{}), Next(outcome.offset));
  is_exact_ = false;
  if (outcome.reply.error() == v1::ERROR_NONE) return true;
  HttpResponse refusal = RefusalOf(outcome.reply);
  if (refusal.status == 401) refusal.headers.emplace_back("WWW-Authenticate", "Bearer");
  Send(std::move(refusal));
  return false;
}

}  // namespace mom::rest
