#include "tests/rest/blackbox/asio_http_client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>

namespace mom::blackbox {

namespace http = boost::beast::http;

boost::json::value Answer::json() const {
  boost::json::error_code error;
  auto value = boost::json::parse(body, error);
  return error ? boost::json::value() : value;
}

std::optional<Answer> HttpClient::Send(const std::string& method, const std::string& target,
                                       const std::string& body,
                                       const std::map<std::string, std::string>& headers) {
  try {
    if (!stream_) {
      stream_ = std::make_unique<boost::beast::tcp_stream>(io_);
      stream_->expires_after(std::chrono::seconds(30));
      stream_->connect(boost::asio::ip::tcp::endpoint(boost::asio::ip::address_v4::loopback(), port_));
    }
    stream_->expires_after(std::chrono::seconds(30));
    http::request<http::string_body> request{http::string_to_verb(method), target, 11};
    request.set(http::field::host, "127.0.0.1");
    request.set(http::field::connection, "keep-alive");
    if (!token_.empty()) request.set(http::field::authorization, "Bearer " + token_);
    if (!body.empty() && !headers.contains("Content-Type")) {
      request.set(http::field::content_type, "application/json");
    }
    for (const auto& [name, value] : headers) request.set(name, value);
    request.body() = body;
    request.prepare_payload();
    http::write(*stream_, request);
    boost::beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(16u << 20);
    http::read(*stream_, buffer, parser);
    Answer answer;
    answer.status = static_cast<int>(parser.get().result_int());
    answer.body = parser.get().body();
    for (const auto& field : parser.get()) {
      std::string name(field.name_string());
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
      answer.headers[name] = std::string(field.value());
    }
    if (!parser.get().keep_alive()) stream_.reset();
    return answer;
  } catch (const std::exception&) {
    stream_.reset();
    return std::nullopt;
  }
}

void HttpClient::Login(const std::string& user, const std::string& password) {
  const std::string credentials =
      boost::json::serialize(boost::json::object{{"name", user}, {"password", password}});
  token_.clear();
  auto registered = Send("POST", "/v1/users", credentials);
  ASSERT_TRUE(registered && (registered->status == 201 || registered->status == 409))
      << (registered ? registered->body : "no answer");
  auto session = Send("POST", "/v1/sessions", credentials);
  ASSERT_TRUE(session && session->status == 201) << (session ? session->body : "no answer");
  token_ = session->json().at("token").as_string().c_str();
}

}  // namespace mom::blackbox
