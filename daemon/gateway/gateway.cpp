#include "daemon/gateway/gateway.h"

#include <fmt/format.h>

#include <array>

#include "daemon/calls/models.h"
#include "daemon/calls/refusals.h"

namespace govctl::gateway {

using calls::Envelope;
using calls::ModelShape;
using providers::Format;

namespace {

enum class Route { chat, messages, count_tokens, responses, embeddings, models, model, alive, ready };

struct Row {
  std::string_view method;
  std::string_view pattern;  // also under /gateway
  Route route;
};
constexpr std::array table{
    Row{"POST", "/v1/chat/completions", Route::chat},
    Row{"POST", "/v1/messages", Route::messages},
    Row{"POST", "/v1/messages/count_tokens", Route::count_tokens},
    Row{"POST", "/v1/responses", Route::responses},
    Row{"POST", "/v1/embeddings", Route::embeddings},
    Row{"GET", "/v1/models", Route::models},
    // A model is named with its provider where its own name does not tell, and either may hold a slash.
    Row{"GET", "/v1/models/{id}", Route::model},
    Row{"GET", "/v1/models/{provider}/{id}", Route::model},
    Row{"GET", "/v1/models/{provider}/{maker}/{id}", Route::model},
    Row{"HEAD", "/", Route::alive},
    Row{"GET", "/api/hello", Route::alive},
    Row{"HEAD", "/api/hello", Route::alive},
    Row{"GET", "/health", Route::alive},
    Row{"GET", "/health/ready", Route::ready},
};

constexpr std::string_view what_exists =
    "POST /v1/chat/completions, /v1/messages, /v1/messages/count_tokens, /v1/responses, /v1/embeddings, "
    "GET /v1/models, /v1/models/{id}, /health";

http::Response json_answer(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.headers.push_back({"Content-Type", "application/json"});
  response.body = std::move(body);
  return response;
}

// Anthropic's clients name their API's version in every request.
bool from_anthropic_client(const http::Exchange& exchange) {
  return !exchange.header("anthropic-version").empty() || exchange.path().contains("/v1/messages");
}
Envelope envelope_of(const http::Exchange& exchange) {
  return from_anthropic_client(exchange) ? Envelope::messages : Envelope::chat;
}

http::Response no_route(const http::Exchange& exchange, const Error& error, const RequestId& id) {
  calls::Fault fault;
  fault.status = facts(error.code).status;
  fault.type = "invalid_request_error";
  fault.code = facts(error.code).word;
  const std::string_view path = exchange.path().substr(0, 100);
  fault.message = error.code == Code::method_not_allowed
                      ? fmt::format("{} does not answer {}", path, exchange.method())
                      : fmt::format("the gateway has no {}; it answers {}", path, what_exists);
  return calls::fault_answer(envelope_of(exchange), fault, id);
}

std::string joined(const std::vector<std::string>& parameters) {
  std::string id;
  for (const std::string& parameter : parameters) id += (id.empty() ? "" : "/") + parameter;
  return id;
}

}  // namespace

Gateway::Gateway(calls::Calls& calls, tenant::Registry& registry) : calls_(calls), registry_(registry) {
  for (std::size_t i = 0; i < table.size(); ++i) {
    router_.add(table[i].method, table[i].pattern, i);
    router_.add(table[i].method, "/gateway" + std::string(table[i].pattern), i);
  }
}

http::Response Gateway::models(const http::Exchange& exchange,
                               const std::vector<std::string>& parameters) const {
  const RequestId id = RequestId::mint(registry_.services().clock->now().millis());
  const auto caller = calls_.authenticate(exchange);
  if (!caller) return calls::fault_answer(envelope_of(exchange), calls::key_fault(caller.error()), id);
  const auto shape = from_anthropic_client(exchange) ? ModelShape::anthropic : ModelShape::openai;
  if (parameters.empty()) return json_answer(200, calls::model_list(*caller, shape));
  const std::string name = joined(parameters);
  if (auto entry = calls::model_entry(*caller, name, shape)) return json_answer(200, std::move(*entry));
  calls::Fault fault;
  fault.status = 404;
  fault.type = "invalid_request_error";
  fault.code = "model_not_found";
  fault.param = "model";
  fault.message =
      fmt::format("this key has no model '{}'; GET /v1/models lists those that it has", name.substr(0, 200));
  return calls::fault_answer(envelope_of(exchange), fault, id);
}

asio::awaitable<void> Gateway::handle(http::Exchange& exchange) {
  auto match = router_.match(exchange.method(), exchange.path());
  http::Response response;
  if (!match) {
    const RequestId id = RequestId::mint(registry_.services().clock->now().millis());
    response = no_route(exchange, match.error(), id);
  } else {
    switch (table[match->index].route) {
      case Route::chat:
        co_return co_await calls_.run(exchange, calls::dialect_of(Format::chat));
      case Route::messages:
        co_return co_await calls_.run(exchange, calls::dialect_of(Format::messages));
      case Route::responses:
        co_return co_await calls_.run(exchange, calls::dialect_of(Format::responses));
      case Route::embeddings:
        co_return co_await calls_.run(exchange, calls::dialect_of(Format::embeddings));
      case Route::count_tokens:
        co_return co_await calls_.count_tokens(exchange);
      case Route::models:
      case Route::model:
        response = models(exchange, match->parameters);
        break;
      case Route::alive:
        response = json_answer(200, R"({"status":"ok"})");
        break;
      case Route::ready: {
        const bool whole = registry_.quarantined().empty();
        response = json_answer(200, whole ? R"({"status":"ok"})" : R"({"status":"degraded"})");
        break;
      }
    }
  }
  auto sent = co_await exchange.respond(std::move(response));
  (void)sent;
}

}  // namespace govctl::gateway
