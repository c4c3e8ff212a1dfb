#include "daemon/gateway/gateway.h"

#include <fmt/format.h>

#include <array>

#include "daemon/calls/refusals.h"

namespace govctl::gateway {
namespace {

enum class Route { chat, alive, ready };

struct Row {
  std::string_view method;
  std::string_view pattern;
  Route route;
};
constexpr std::array table{
    Row{"POST", "/v1/chat/completions", Route::chat},
    Row{"POST", "/gateway/v1/chat/completions", Route::chat},
    Row{"HEAD", "/", Route::alive},
    Row{"GET", "/health", Route::alive},
    Row{"GET", "/health/ready", Route::ready},
};

http::Response json_answer(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.headers.push_back({"Content-Type", "application/json"});
  response.body = std::move(body);
  return response;
}

http::Response no_route(const http::Exchange& exchange, const Error& error, const RequestId& id) {
  calls::Fault fault;
  fault.status = facts(error.code).status;
  fault.type = "invalid_request_error";
  fault.code = facts(error.code).word;
  fault.message = error.code == Code::method_not_allowed
                      ? fmt::format("{} does not answer {}", exchange.path().substr(0, 100), exchange.method())
                      : fmt::format("the gateway has no {}; it answers POST /v1/chat/completions",
                                    exchange.path().substr(0, 100));
  return calls::chat_fault(fault, id);
}

}  // namespace

Gateway::Gateway(calls::Calls& calls, tenant::Registry& registry) : calls_(calls), registry_(registry) {
  for (std::size_t i = 0; i < table.size(); ++i) router_.add(table[i].method, table[i].pattern, i);
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
        co_await calls_.chat(exchange);
        co_return;
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
