// POST /v1/messages/count_tokens: what a conversation would cost to read. Nothing is held, charged or recorded.

#include <fmt/format.h>

#include "daemon/calls/call.h"
#include "daemon/calls/calls.h"
#include "daemon/calls/upstreams.h"

namespace govctl::calls {

using providers::Format;

namespace {

constexpr std::size_t max_count_bytes = std::size_t{1} << 20;

asio::awaitable<void> respond_json(Call& call, int status, std::string body) {
  http::Response response;
  response.status = status;
  response.headers.push_back({"Content-Type", "application/json"});
  response.headers.push_back({"x-request-id", call.id().text()});
  response.headers.push_back({"request-id", call.id().text()});
  response.body = std::move(body);
  auto sent = co_await call.exchange.respond(std::move(response));
  (void)sent;
}

// About four bytes make a token.
std::string estimate(const domain::Ask& ask) {
  return fmt::format(R"({{"input_tokens":{}}})", (ask.text_bytes + 3) / 4 + ask.media_tokens);
}

}  // namespace

asio::awaitable<void> Calls::count_tokens(http::Exchange& exchange) {
  Call call = begin(exchange, dialect_of(Format::messages));
  if (!co_await read(call)) co_return;
  auto route = tenant::route(call.facts.caller, call.facts.ask.model);
  if (!route) {
    co_await refuse(call, route.error(), nullptr);
    co_return;
  }
  const domain::Rules& rules = *call.facts.caller.key->rules;
  if (auto why = domain::model_refusal(rules, route->provider->name, route->upstream_model); !why.empty()) {
    domain::Refusal refusal;
    refusal.cause = domain::Cause::model_denied;
    refusal.message = fmt::format("model '{}' is not allowed: {}", route->upstream_model, why);
    co_await refuse(call, refusal, &*route);
    co_return;
  }
  if (route->provider->kind != "anthropic") {
    co_await respond_json(call, 200, estimate(call.facts.ask));
    co_return;
  }
  Edits edits;
  if (route->upstream_model != call.facts.ask.model) edits.model = route->upstream_model;
  Passage passage;
  passage.dialect = &call.dialect;
  passage.adapter = providers::find_adapter(route->provider->kind);
  passage.format = Format::messages;
  const auto passed = passed_headers(exchange, passage);
  const std::string request_id = call.id().text();
  Upstreams::Letter letter{.adapter = *passage.adapter,
                           .format = passage.format,
                           .body = call.dialect.edited(std::move(call.body), call.request, edits),
                           .request_id = request_id,
                           .suffix = "/count_tokens",
                           .passed = &passed};
  auto response = co_await upstreams(exchange).send(*route, std::move(letter), nullptr);
  if (!response) {
    co_await tell(call, upstream_fault(response.error().error, route->provider->name));
    co_return;
  }
  auto body = co_await (*response)->read_all(max_count_bytes);
  if (!body) {
    co_await tell(call, upstream_fault(body.error(), route->provider->name));
    co_return;
  }
  const int status = (*response)->status();
  if (status < 200 || status > 299) {
    UpstreamError error = upstream_error(passage, status, *body, route->provider->name);
    if (!error.passes) {
      co_await tell(call, std::move(error.fault));
      co_return;
    }
  }
  co_await respond_json(call, status, std::move(*body));
}

}  // namespace govctl::calls
