#include "daemon/calls/upstreams.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/version.h"
#include "daemon/providers/mock.h"

namespace govctl::calls {
namespace {

class MockResponse final : public http::UpstreamResponse {
 public:
  MockResponse(asio::io_context& context, providers::mock::Answer answer)
      : answer_(std::move(answer)), timer_(context) {
    headers_.push_back({"content-type", answer_.stream ? "text/event-stream" : "application/json"});
  }
  [[nodiscard]] int status() const override { return answer_.status; }
  [[nodiscard]] std::string_view header(std::string_view name) const override {
    return name == "content-type" ? std::string_view(headers_.front().value) : std::string_view{};
  }
  [[nodiscard]] const http::Headers& headers() const override { return headers_; }

  asio::awaitable<Result<std::string_view>> read() override {
    if (answer_.pause.count() > 0 && !cancelled_ && next_ < answer_.pieces.size()) {
      timer_.expires_after(answer_.pause);
      boost::system::error_code ignored;
      co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    if (cancelled_) co_return fail(Code::upstream_failed, "cancelled");
    if (next_ < answer_.pieces.size()) co_return std::string_view(answer_.pieces[next_++]);
    if (answer_.cut)
      co_return fail(Code::upstream_failed, "the mock provider broke off as its model's name says");
    co_return std::string_view{};
  }
  asio::awaitable<Result<std::string>> read_all(std::size_t limit) override {
    std::string body;
    for (;;) {
      auto piece = co_await read();
      if (!piece) co_return std::unexpected(piece.error());
      if (piece->empty()) co_return body;
      if (body.size() + piece->size() > limit) co_return fail(Code::upstream_failed, "the answer is too large");
      body += *piece;
    }
  }
  void cancel() override {
    cancelled_ = true;
    timer_.cancel();
  }

 private:
  providers::mock::Answer answer_;
  http::Headers headers_;
  asio::steady_timer timer_;
  std::size_t next_ = 0;
  bool cancelled_ = false;
};

}  // namespace

Calls::Upstreams::Parsed Calls::Upstreams::upstream_of(const tenant::Route& route) {
  if (parsed_for_ != route.platform) {
    parsed_.clear();
    parsed_for_ = route.platform;
  }
  const auto found = parsed_.find(route.provider);
  if (found != parsed_.end()) return found->second;
  auto upstream = http::Upstream::parse(route.provider->base_url, route.provider->allow_private);
  if (upstream) {
    upstream->ca_file = route.provider->ca_file;
    upstream->connect_timeout = std::chrono::milliseconds(route.provider->connect_timeout_ms);
    upstream->first_byte_timeout = std::chrono::milliseconds(route.provider->first_byte_timeout_ms);
    upstream->idle_timeout = std::chrono::milliseconds(route.provider->idle_timeout_ms);
  }
  auto parsed = std::make_shared<const Result<http::Upstream>>(std::move(upstream));
  return parsed_.emplace(route.provider, std::move(parsed)).first->second;
}

asio::awaitable<Response> Calls::Upstreams::chat(const tenant::Route& route, std::string body,
                                                 std::string_view request_id, bool stream,
                                                 std::function<void()>* cancel) {
  if (route.provider->kind == "mock") {
    auto answer = providers::mock::answer(body, route.upstream_model, request_id,
                                          static_cast<long>(clock_.now().micros / micros_per_second));
    co_return std::make_unique<MockResponse>(context_, std::move(answer));
  }
  const Parsed parsed = upstream_of(route);
  const Result<http::Upstream>& upstream = *parsed;
  if (!upstream) {
    http::SendFault fault{upstream.error(), true};
    co_return std::unexpected(std::move(fault));
  }
  http::UpstreamRequest request;
  request.target = upstream->base_path + "/chat/completions";
  request.headers.reserve(4);
  request.headers.push_back({"Content-Type", "application/json"});
  request.headers.push_back({"Accept", stream ? "text/event-stream" : "application/json"});
  request.headers.push_back({"User-Agent", "govd/" + std::string(version)});
  if (route.credential) {
    request.headers.push_back({"Authorization", "Bearer " + std::string(route.credential->reveal())});
  }
  request.body = std::move(body);
  co_return co_await client_.send(*upstream, std::move(request), cancel);
}

}  // namespace govctl::calls
