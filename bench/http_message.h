// Raw HTTP/1.1: requests as bytes built once and patched, answers parsed without storing their headers.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace mom::bench {

// A request whose body may be overwritten in place, as its length does not change.
struct RawRequest {
  std::string bytes;
  size_t body_at = 0;  // Where the body begins in `bytes`.
};

// `token` may be empty. `body` is copied behind the headers.
RawRequest MakeRequest(std::string_view method, std::string_view path, std::string_view host,
                       std::string_view token, std::string_view content_type, std::string_view body);

// Parses one answer; make a new one for the next. Appends the body to `*body`, which must outlive it.
class AnswerParser final : public boost::beast::http::basic_parser<false> {
 public:
  explicit AnswerParser(std::string* body) : body_(body) {
    eager(true);
    body_limit(uint64_t{64} << 20);
  }
  int status() const { return status_; }

 private:
  using View = boost::beast::string_view;
  using Error = boost::beast::error_code;

  void on_request_impl(boost::beast::http::verb, View, View, int, Error&) override {}
  void on_response_impl(int code, View, int, Error&) override { status_ = code; }
  void on_field_impl(boost::beast::http::field, View, View, Error&) override {}
  void on_header_impl(Error&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>&, Error&) override {}
  size_t on_body_impl(View part, Error&) override { return Append(part); }
  void on_chunk_header_impl(uint64_t, View, Error&) override {}
  size_t on_chunk_body_impl(uint64_t, View part, Error&) override { return Append(part); }
  void on_finish_impl(Error&) override {}

  size_t Append(View part) {
    body_->append(part.data(), part.size());
    return part.size();
  }

  std::string* body_;
  int status_ = 0;
};

}  // namespace mom::bench
