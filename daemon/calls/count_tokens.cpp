// POST /v1/messages/count_tokens: what a conversation would cost to read. Nothing is held, charged or recorded.

#include <fmt/format.h>

#include <array>

#include "daemon/calls/call.h"
#include "daemon/calls/calls.h"
#include "daemon/calls/fields.h"
#include "daemon/calls/messages.h"
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

constexpr std::array<std::string_view, 2> governed{"model", "messages"};

// The model is all that a count's way depends on; what it counts is the provider's to read.
std::expected<Request, domain::Refusal> parse_count(std::string_view body) {
  auto object = read_body(body, governed);
  if (!object) return std::unexpected(std::move(object.error()));
  auto model = read_model(*object);
  if (!model) return std::unexpected(std::move(model.error()));
  Request request;
  request.ask.model = std::move(*model);
  request.ask.text_bytes = static_cast<std::int64_t>(body.size());
  request.ask.no_output = true;
  request.object = std::move(*object);
  return request;
}

constexpr Dialect counting{.name = "messages",
                           .format = Format::messages,
                           .parse = parse_count,
                           .edited = messages::edited,
                           .request_to_chat = nullptr,
                           .answer_from_chat = nullptr,
                           .sink = nullptr,
                           .envelope = Envelope::messages};

}  // namespace

asio::awaitable<void> Calls::count_tokens(http::Exchange& exchange) {
  Call call = begin(exchange, counting);
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
    co_await respond_json(call, 200,
                          fmt::format(R"({{"input_tokens":{}}})", messages::count_tokens_estimate(call.body)));
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
