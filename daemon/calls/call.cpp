// The page to read first: one agent call, from its key to its last byte.

#include "daemon/calls/call.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>

#include "daemon/calls/attempts.h"
#include "daemon/calls/attribution.h"
#include "daemon/calls/calls.h"
#include "daemon/calls/stop.h"
#include "daemon/calls/upstreams.h"
#include "daemon/providers/openai.h"
#include "daemon/telemetry/log.h"

namespace govctl::calls {

using providers::Format;
using tenant::Hold;
using tenant::Route;

namespace {

std::string_view bearer(const http::Exchange& exchange) {
  std::string_view value = exchange.header("authorization");
  constexpr std::string_view scheme = "Bearer ";
  if (value.size() > scheme.size() && (value[0] == 'B' || value[0] == 'b') &&
      value.substr(1, scheme.size() - 1) == scheme.substr(1)) {
    return value.substr(scheme.size());
  }
  return exchange.header("x-api-key");
}

bool is_event_stream(const http::UpstreamResponse& response, providers::Framing framing) {
  const char* const type = framing == providers::Framing::sse ? "event-stream" : "eventstream";
  return response.status() == 200 && response.header("content-type").contains(type);
}

// Whether what comes out is seen as it comes, whoever is asked.
bool output_is_seen(const Call& call, const Route& route) {
  return call.facts.ask.stream &&
         std::ranges::none_of(route.candidates, [](const tenant::Candidate& candidate) {
           return providers::openai::hides_reasoning(candidate.upstream_model);
         });
}

// After its terminal event an upstream still owes the end of its framing; the connection serves again once that
// has come.
asio::awaitable<void> drain(std::shared_ptr<http::UpstreamResponse> response, asio::io_context& context) {
  asio::steady_timer deadline(context, std::chrono::seconds(1));
  // A deadline that has passed cannot be called back: it shares the response.
  deadline.async_wait([response](boost::system::error_code cancelled) {
    if (!cancelled) response->cancel();
  });
  auto rest = co_await response->read();
  (void)rest;
  deadline.cancel();
}

void spawn_drain(std::unique_ptr<http::UpstreamResponse> response, asio::io_context& context) {
  asio::co_spawn(context, drain(std::move(response), context), [](const std::exception_ptr& fault) {
    if (fault) log::warn("draining an upstream failed");
  });
}

}  // namespace

Calls::Calls(tenant::Registry& registry, const std::vector<asio::io_context*>& contexts,
             std::chrono::milliseconds ping_after, std::int64_t circuit_failures)
    : registry_(registry), ping_after_(ping_after), traffic_(*registry.services().clock, circuit_failures) {
  for (asio::io_context* context : contexts) {
    upstreams_.push_back(std::make_unique<Upstreams>(*context, *registry.services().clock));
  }
}

Calls::~Calls() = default;

Calls::Upstreams& Calls::upstreams(const http::Exchange& exchange) {
  for (auto& upstreams : upstreams_) {
    if (&upstreams->context() == &exchange.context()) return *upstreams;
  }
  return *upstreams_.front();
}

Result<tenant::Caller> Calls::authenticate(const http::Exchange& exchange) const {
  const std::string_view key = bearer(exchange);
  if (key.empty()) {
    return fail(Code::unauthenticated, "no API key: send 'Authorization: Bearer cpk_…'",
                "govctl key create ORG/WORKSPACE/GROUP/AGENT --name NAME");
  }
  return registry_.authenticate(domain::sha256(key));
}

Call Calls::begin(http::Exchange& exchange, const Dialect& dialect) const {
  const Clock& clock = *registry_.services().clock;
  Call call{exchange, clock, dialect, ping_after_, {}, {}, {}};
  call.facts.began = clock.now();
  call.facts.began_steady = clock.steady_micros();
  call.facts.request_id = RequestId::mint(call.facts.began.millis());
  call.facts.dialect = dialect.name;
  call.facts.session = session_of(exchange);
  call.facts.client_request_id = client_request_id_of(exchange);
  call.facts.tags = tags_of(exchange);
  return call;
}

asio::awaitable<bool> Calls::read(Call& call) const {
  auto caller = authenticate(call.exchange);
  if (!caller) {
    co_await tell(call, key_fault(caller.error()));
    co_return false;
  }
  call.facts.caller = std::move(*caller);
  auto body = co_await call.exchange.body();
  if (!body) {
    co_await tell_body_fault(call, body.error());
    co_return false;
  }
  // A body may take its time: the key and the rules of now count.
  caller = authenticate(call.exchange);
  if (!caller) {
    co_await tell(call, key_fault(caller.error()));
    co_return false;
  }
  call.facts.caller = std::move(*caller);
  call.body = std::move(*body);
  auto request = call.dialect.parse(call.body);
  if (!request) {
    co_await refuse(call, request.error(), nullptr);
    co_return false;
  }
  call.request = std::move(*request);
  call.facts.ask = call.request.ask;
  call.facts.user = call.request.user;
  co_return true;
}

asio::awaitable<void> Calls::run(http::Exchange& exchange, const Dialect& dialect) {
  Call call = begin(exchange, dialect);
  if (!co_await read(call)) co_return;
  if (!co_await claim_key(call)) co_return;

  auto route = tenant::route(call.facts.caller, call.facts.ask.model);
  if (!route) {
    co_await refuse(call, route.error(), nullptr);
    co_return;
  }
  auto passages = find_passages(call, *route);
  if (!passages) {
    co_await refuse(call, passages.error(), &*route);
    co_return;
  }
  call.facts.ask.watched = output_is_seen(call, *route);
  auto hold = co_await call.facts.caller.tenant->reserve(call.facts, *route);
  if (!hold) {
    co_await refuse(call, hold.error(), &*route);
    co_return;
  }
  if (call.key_claim) call.key_claim->keep();
  co_await send(call, *route, *passages, *hold);
}

// From here on money is held: whatever way this is left, the hold settles.
asio::awaitable<void> Calls::send(Call& call, const Route& route, Passages& passages, Hold& hold) {
  const bool stream = call.facts.ask.stream;
  domain::Outcome& outcome = hold.outcome();
  std::optional<DisconnectWatch> watch;
  if (stream) watch.emplace(call.exchange);
  const StopWatch stop(call, watch);
  Attempt attempt = co_await ask_in_turn(
      {call, route, passages, hold, upstreams(call.exchange), traffic_, watch ? &*watch : nullptr});
  const Sent sent{route.candidates[attempt.candidate], passages[attempt.candidate], hold};
  if (attempt.blocked) {
    co_await answer_fault(call, sent, std::move(*attempt.blocked));
    co_return;
  }
  Response& response = attempt.response;
  if (!response) {
    co_await answer_unsent(call, sent, response.error(), watch && watch->gone);
    co_return;
  }
  outcome.first_byte_ms = call.latency_ms();
  if (!stream || !is_event_stream(**response, sent.passage.adapter->framing)) {
    if (watch) watch->cancel = {};
    co_await answer_whole(call, sent, **response);
    co_return;
  }
  watch->cancel = [upstream_response = response->get()] { upstream_response->cancel(); };
  co_await answer_stream(call, sent, **response, *watch);
  watch.reset();
  if (outcome.completion == "complete") spawn_drain(std::move(*response), call.exchange.context());
}

}  // namespace govctl::calls
