#include "daemon/gateway/metrics.h"

namespace govctl::gateway {

asio::awaitable<void> serve_metrics(http::Exchange& exchange, const tenant::Registry& registry) {
  http::Response response;
  if (exchange.path() != "/metrics") {
    response.status = 404;
    response.headers.push_back({"Content-Type", "text/plain; charset=utf-8"});
    response.body = "only /metrics is here\n";
  } else if (exchange.method() != "GET") {
    response.status = 405;
    response.headers.push_back({"Allow", "GET"});
  } else {
    response.headers.push_back({"Content-Type", "text/plain; version=0.0.4; charset=utf-8"});
    response.body = registry.metrics_text();
  }
  auto sent = co_await exchange.respond(std::move(response));
  (void)sent;
}

}  // namespace govctl::gateway
