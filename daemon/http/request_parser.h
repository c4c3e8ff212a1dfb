#pragma once
// Beast's request parser, made as strict as a gateway must be (RFC 9112 §11.2: what two parsers may read in two
// ways is how requests are smuggled). Only connection.cpp, the Beast server unit, includes this.

#include <boost/beast/http/basic_parser.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/http/wire.h"

namespace govctl::http {

namespace beast = boost::beast;

struct HeaderView {
  std::string_view name;
  std::string_view value;
};

// The absolute form of a request's target (RFC 9112 §3.2.2), and the host and port in it.
inline bool is_absolute(std::string_view target) {
  return target.starts_with("http://") || target.starts_with("https://");
}
inline std::string_view authority(std::string_view absolute) {
  const std::string_view rest = absolute.substr(absolute.find("//") + 2);
  return rest.substr(0, rest.find_first_of("/?"));
}

// Where a head ends in `bytes` that come in piece by piece.
class HeadScan {
 public:
  enum class Found { nothing_yet, head, bad_line };
  // `bytes` starts with the head; on `head`, length() of them are it. A line without its CR and a folded line
  // are bad: Beast would unfold the second.
  Found scan(std::string_view bytes) {
    for (;;) {
      const std::size_t feed = bytes.find('\n', line_);
      if (feed == std::string_view::npos) return Found::nothing_yet;
      if (feed == line_ || bytes[feed - 1] != '\r') return Found::bad_line;
      const bool blank = feed - line_ == 1;
      const char first = bytes[line_];
      if (first == ' ' || first == '\t') return Found::bad_line;
      line_ = feed + 1;
      if (blank) return Found::head;
    }
  }
  [[nodiscard]] std::size_t length() const { return line_; }

 private:
  std::size_t line_ = 0;  // the start of the line that is not whole yet
};

// Parses one head that is there in whole, then a chunked body piece by piece. The views point into the head's
// bytes.
class RequestParser final : public beast::http::basic_parser<true> {
 public:
  explicit RequestParser(std::vector<HeaderView>& headers) : headers_(headers) {
    headers_.clear();
    body_limit(boost::none);
    eager(true);
  }

  std::string_view method;
  std::string_view target;
  int version = 11;
  bool expects_continue = false;

  // Empty, or why the head is refused.
  std::string_view parse_head(std::string_view head) {
    header_limit(static_cast<std::uint32_t>(head.size()) + 1);
    beast::error_code error;
    put({head.data(), head.size()}, error);
    if (error || !is_header_done()) return "the request's head is not valid HTTP/1.1";
    if (hosts_ > 1 || (hosts_ == 0 && version == 11)) return "a request needs exactly one Host header";
    if (host_.find_first_of(" \t,/\\@?#") != std::string_view::npos) return "the Host header is not valid";
    if (is_absolute(target) && hosts_ == 1 && !iequals(authority(target), host_)) {
      return "the request's target and its Host header name different hosts";
    }
    if (lengths_ > 1 || odd_length_) return "Content-Length stands more than once";
    if (encodings_ > 0 && lengths_ > 0) return "Transfer-Encoding and Content-Length exclude each other";
    if (encodings_ > 0 && (version == 10 || !chunked()))
      return "Transfer-Encoding must be chunked, on HTTP/1.1";
    if (encodings_ > 1 || (encodings_ == 1 && !iequals(encoding_, "chunked"))) {
      return "no Transfer-Encoding but chunked is understood";
    }
    return {};
  }

  // Appends what of a chunked body is in `bytes` to `body`, which may grow to `limit`. Returns the bytes used
  // up.
  enum class BodyState { more, whole, broken, too_large };
  BodyState parse_chunked(std::string_view bytes, std::string& body, std::size_t limit, std::size_t& used) {
    body_ = &body;
    limit_ = limit;
    used = 0;
    // Beast asserts on a last chunk that comes first and in less than its five bytes.
    if (!in_chunks_ && bytes.size() < 5) return BodyState::more;
    while (!is_done() && used < bytes.size()) {
      beast::error_code error;
      const std::size_t n = put({bytes.data() + used, bytes.size() - used}, error);
      used += n;
      if (error == beast::http::error::need_more) break;
      if (error == beast::http::error::body_limit) return BodyState::too_large;
      if (error) return BodyState::broken;
    }
    return is_done() ? BodyState::whole : BodyState::more;
  }

 private:
  using Text = beast::string_view;
  using ErrorCode = beast::error_code;
  static std::string_view view(Text text) { return {text.data(), text.size()}; }

  void on_request_impl(beast::http::verb, Text method_text, Text target_text, int number, ErrorCode&) override {
    method = view(method_text);
    target = view(target_text);
    version = number;
  }
  void on_response_impl(int, Text, int, ErrorCode&) override {}
  void on_field_impl(beast::http::field field, Text name, Text text, ErrorCode&) override {
    if (is_header_done()) return;  // a trailer: nothing in it is believed
    const std::string_view value = view(text);
    headers_.push_back({view(name), value});
    switch (field) {
      case beast::http::field::host:
        ++hosts_;
        host_ = value;
        break;
      case beast::http::field::content_length:
        ++lengths_;
        odd_length_ = value.find(',') != std::string_view::npos;
        break;
      case beast::http::field::transfer_encoding:
        ++encodings_;
        encoding_ = value;
        break;
      case beast::http::field::expect:
        expects_continue = version == 11 && iequals(value, "100-continue");
        break;
      default:
        break;
    }
  }
  void on_header_impl(ErrorCode&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
  std::size_t on_body_impl(Text body, ErrorCode&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t size, Text, ErrorCode& error) override {
    in_chunks_ = true;
    if (size > limit_ - body_->size()) error = beast::http::error::body_limit;
  }
  std::size_t on_chunk_body_impl(std::uint64_t, Text piece, ErrorCode&) override {
    body_->append(piece.data(), piece.size());
    return piece.size();
  }
  void on_finish_impl(ErrorCode&) override {}

  std::vector<HeaderView>& headers_;
  std::string_view host_;
  std::string_view encoding_;
  std::string* body_ = nullptr;
  std::size_t limit_ = 0;
  int hosts_ = 0;
  int lengths_ = 0;
  int encodings_ = 0;
  bool odd_length_ = false;
  bool in_chunks_ = false;
};

}  // namespace govctl::http
