#include "daemon/calls/upstreams.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/version.h"
#include "daemon/calls/fields.h"
#include "daemon/providers/mock.h"
#include "daemon/providers/model_list.h"

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

// The Host that is sent: with its port when it is not the scheme's own.
std::string host_of(const http::Upstream& upstream) {
  const bool own_port = upstream.port == (upstream.tls ? 443 : 80);
  const std::string name = upstream.host.contains(':') ? "[" + upstream.host + "]" : upstream.host;
  return own_port ? name : fmt::format("{}:{}", name, upstream.port);
}

bool has(const http::Headers& headers, std::string_view name) {
  return std::ranges::any_of(headers,
                             [&](const http::Header& header) { return same_but_for_case(header.name, name); });
}

http::UpstreamRequest request_of(const http::Upstream& upstream, providers::WireRequest wire,
                                 const Calls::Upstreams::Letter& letter) {
  http::UpstreamRequest request;
  const std::size_t query = std::min(wire.target.find('?'), wire.target.size());
  request.target = upstream.base_path + wire.target.insert(query, letter.suffix);
  request.headers.reserve(wire.headers.size() + 3);
  for (auto& header : wire.headers)
    request.headers.push_back({std::move(header.name), std::move(header.value)});
  const auto complete = [&](const char* name, std::string value) {
    if (!has(request.headers, name)) request.headers.push_back({name, std::move(value)});
  };
  complete("Content-Type", "application/json");
  complete("Accept", letter.stream ? "text/event-stream" : "application/json");
  complete("User-Agent", "govd/" + std::string(version));
  request.body = std::move(wire.body);
  return request;
}

}  // namespace

Calls::Upstreams::Parsed Calls::Upstreams::upstream_of(const tenant::Candidate& candidate) {
  if (parsed_for_ != candidate.platform) {
    parsed_.clear();
    parsed_for_ = candidate.platform;
  }
  const auto found = parsed_.find(candidate.provider);
  if (found != parsed_.end()) return found->second;
  auto upstream = http::Upstream::parse(candidate.provider->base_url, candidate.provider->allow_private);
  if (upstream) {
    upstream->ca_file = candidate.provider->ca_file;
    if (!candidate.provider->proxy.empty() &&
        !http::without_proxy(candidate.provider->no_proxy, upstream->host)) {
      auto proxy = http::parse_proxy(candidate.provider->proxy);
      if (!proxy) {
        upstream = std::unexpected(proxy.error());
      } else {
        upstream->proxy = std::move(*proxy);
      }
    }
  }
  if (upstream) {
    upstream->connect_timeout = std::chrono::milliseconds(candidate.provider->connect_timeout_ms);
    upstream->first_byte_timeout = std::chrono::milliseconds(candidate.provider->first_byte_timeout_ms);
    upstream->idle_timeout = std::chrono::milliseconds(candidate.provider->idle_timeout_ms);
  }
  auto parsed = std::make_shared<const Result<http::Upstream>>(std::move(upstream));
  return parsed_.emplace(candidate.provider, std::move(parsed)).first->second;
}

asio::awaitable<Response> Calls::Upstreams::send(const tenant::Candidate& candidate, Letter letter,
                                                 std::function<void()>* cancel) {
  if (candidate.provider->kind == "mock") {
    const auto created = static_cast<long>(clock_.now().micros / micros_per_second);
    auto answer =
        letter.format == providers::Format::embeddings
            ? providers::mock::embeddings(letter.body, candidate.upstream_model)
            : providers::mock::answer(letter.body, candidate.upstream_model, letter.request_id, created);
    co_return std::make_unique<MockResponse>(context_, std::move(answer));
  }
  const Parsed parsed = upstream_of(candidate);
  const Result<http::Upstream>& upstream = *parsed;
  if (!upstream) {
    http::SendFault fault{upstream.error(), true};
    co_return std::unexpected(std::move(fault));
  }
  const std::string host = host_of(*upstream);
  providers::WireInput input;
  input.format = letter.format;
  input.base_url = candidate.provider->base_url;
  input.host = host;
  input.base_path = upstream->base_path;
  input.model = candidate.upstream_model;
  input.stream = letter.stream;
  input.body = std::move(letter.body);
  if (candidate.credential) input.credential = candidate.credential->reveal();
  input.api_version = candidate.provider->api_version;
  input.passed = letter.passed;
  input.unix_seconds = clock_.now().micros / micros_per_second;
  auto wire = letter.adapter.wire(std::move(input));
  if (!wire) {
    http::SendFault fault{wire.error(), true};
    co_return std::unexpected(std::move(fault));
  }
  co_return co_await client_.send(*upstream, request_of(*upstream, std::move(*wire), letter), cancel);
}

asio::awaitable<Response> Calls::Upstreams::list_models(const tenant::Candidate& candidate,
                                                        std::string& called) {
  const domain::Provider& provider = *candidate.provider;
  const auto unsent = [](Error error) { return std::unexpected(http::SendFault{std::move(error), true}); };
  const Parsed parsed = upstream_of(candidate);
  const Result<http::Upstream>& upstream = *parsed;
  if (!upstream) co_return unsent(upstream.error());
  const auto path = providers::model_list_path(provider.kind, upstream->base_path, provider.api_version);
  if (!path) {
    called = "nothing";
    co_return unsent({Code::invalid,
                      fmt::format("the kind {} has no list of models where its models answer", provider.kind),
                      "", ""});
  }
  const std::string host = host_of(*upstream);
  called = fmt::format("GET {}://{}{}", upstream->tls ? "https" : "http", host, *path);
  // The headers, credential included, are those of a call.
  const providers::Adapter* const adapter = providers::find_adapter(provider.kind);
  providers::WireInput input;
  input.format = adapter->chat;
  input.base_url = provider.base_url;
  input.host = host;
  input.base_path = upstream->base_path;
  input.model = "any";
  if (candidate.credential) input.credential = candidate.credential->reveal();
  input.api_version = provider.api_version;
  auto wire = adapter->wire(std::move(input));
  if (!wire) co_return unsent(wire.error());
  http::UpstreamRequest request;
  request.method = "GET";
  request.target = *path;
  for (auto& header : wire->headers) {
    if (same_but_for_case(header.name, "content-type")) continue;
    request.headers.push_back({std::move(header.name), std::move(header.value)});
  }
  co_return co_await client_.send(*upstream, std::move(request));
}

}  // namespace govctl::calls
