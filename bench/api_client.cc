#include "bench/api_client.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>
#include <chrono>

namespace mom::bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr auto kTimeout = std::chrono::seconds(60);

uint64_t NumberIn(const boost::json::value& answer, const char* key) {
  const auto* object = answer.if_object();
  const auto* field = object == nullptr ? nullptr : object->if_contains(key);
  if (field == nullptr || !field->is_int64()) return 0;
  return static_cast<uint64_t>(field->as_int64());
}

}  // namespace

Result<std::string> ApiClient::Request(std::string_view method, const std::string& path,
                                       const std::string& body) {
  const std::string what = std::string(method) + " " + path;
  try {
    asio::io_context io;
    beast::tcp_stream stream(io);
    stream.expires_after(kTimeout);
    stream.connect(asio::ip::tcp::resolver(io).resolve(server_.host, server_.port));
    http::request<http::string_body> request(http::string_to_verb({method.data(), method.size()}), path, 11);
    request.set(http::field::host, server_.Name());
    request.set(http::field::connection, "close");
    if (!token_.empty()) request.set(http::field::authorization, "Bearer " + token_);
    if (!body.empty()) request.set(http::field::content_type, "application/json");
    // Other nodes may have been loaded than the one that is asked.
    if (method == "GET") request.set("Mom-Consistency", "linearizable");
    request.body() = body;
    request.prepare_payload();
    http::write(stream, request);
    beast::flat_buffer buffer;
    http::response<http::string_body> response;
    http::read(stream, buffer, response);
    if (response.result_int() / 100 == 2) return std::move(response.body());
    return Status(Status::kInvalidArgument, what + " answered " + std::to_string(response.result_int()) +
                                                ": " + response.body().substr(0, 500));
  } catch (const boost::system::system_error& error) {
    return Status(Status::kIoError, what + " at " + server_.Name() + ": " + error.code().message());
  }
}

Status ApiClient::Register(const std::string& user, const std::string& password) {
  const boost::json::object body{{"name", user}, {"password", password}};
  return Request("POST", "/v1/users", boost::json::serialize(body)).status();
}

Status ApiClient::Connect(const std::string& user, const std::string& password) {
  const boost::json::object body{{"name", user}, {"password", password}};
  const auto answer = Request("POST", "/v1/sessions", boost::json::serialize(body));
  if (!answer.ok()) return answer.status();
  boost::system::error_code error;
  const auto tree = boost::json::parse(answer.value(), error);
  const auto* object = error ? nullptr : tree.if_object();
  const auto* token = object == nullptr ? nullptr : object->if_contains("token");
  if (token == nullptr || !token->is_string()) {
    return Status(Status::kInvalidArgument, "POST /v1/sessions: the answer holds no token");
  }
  token_.assign(token->as_string().begin(), token->as_string().end());
  return {};
}

Status ApiClient::MakeQueue(const std::string& queue, uint64_t messages_max, uint64_t bytes_max) {
  boost::json::object body{{"name", queue}};
  if (messages_max > 0) body["max_messages"] = messages_max;
  if (bytes_max > 0) body["max_bytes"] = bytes_max;
  return Request("POST", "/v1/queues", boost::json::serialize(body)).status();
}

Result<QueueCounts> ApiClient::Counts(const std::string& queue) {
  auto answer = Request("GET", "/v1/queues/" + queue, "");
  if (!answer.ok()) return answer.status();
  boost::system::error_code error;
  const auto tree = boost::json::parse(answer.value(), error);
  if (error || !tree.is_object() || !tree.as_object().contains("ready")) {
    return Status(Status::kInvalidArgument, "GET /v1/queues/" + queue + ": the answer holds no counts");
  }
  QueueCounts counts;
  counts.ready = NumberIn(tree, "ready");
  counts.leased = NumberIn(tree, "leased");
  counts.delayed = NumberIn(tree, "delayed");
  counts.dead = NumberIn(tree, "dead");
  counts.blocked = NumberIn(tree, "blocked");
  return counts;
}

}  // namespace mom::bench
