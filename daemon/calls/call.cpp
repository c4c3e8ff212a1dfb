// The page to read first: one agent call, from its key to its last byte.

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>

#include "daemon/calls/attribution.h"
#include "daemon/calls/calls.h"
#include "daemon/calls/chat.h"
#include "daemon/calls/refusals.h"
#include "daemon/calls/relay.h"
#include "daemon/calls/upstreams.h"
#include "daemon/telemetry/log.h"

namespace govctl::calls {

using domain::CallStatus;
using domain::Outcome;
using domain::Refusal;
using tenant::CallFacts;
using tenant::Hold;
using tenant::Route;

namespace {

constexpr std::size_t max_answer_bytes = std::size_t{64} << 20;

std::string_view bearer(const http::Exchange& exchange) {
  std::string_view value = exchange.header("authorization");
  constexpr std::string_view scheme = "Bearer ";
  if (value.size() > scheme.size() && (value[0] == 'B' || value[0] == 'b') &&
      value.substr(1, scheme.size() - 1) == scheme.substr(1)) {
    return value.substr(scheme.size());
  }
  return exchange.header("x-api-key");
}

// Calls `cancel` when the client disconnects, until this is gone.
class DisconnectWatch {
 public:
  explicit DisconnectWatch(http::Exchange& exchange) : exchange_(exchange) {
    exchange_.on_disconnect([this] {
      gone = true;
      if (cancel) cancel();
    });
  }
  ~DisconnectWatch() { exchange_.on_disconnect({}); }
  DisconnectWatch(const DisconnectWatch&) = delete;
  DisconnectWatch& operator=(const DisconnectWatch&) = delete;

  bool gone = false;
  std::function<void()> cancel;

 private:
  http::Exchange& exchange_;
};

// The steps of one call share these; each step takes and gives values otherwise.
struct Call {
  http::Exchange& exchange;
  const Clock& clock;
  CallFacts facts;
  std::string body;
  chat::Request request;

  [[nodiscard]] const RequestId& id() const { return facts.request_id; }
  [[nodiscard]] std::int64_t latency_ms() const { return (clock.steady_micros() - facts.began_steady) / 1000; }
};

Fault upstream_fault(const Error& error, std::string_view provider) {
  Fault fault;
  const bool late = error.code == Code::timeout;
  fault.status = late ? 504 : 502;
  fault.type = late ? "timeout_error" : "upstream_error";
  fault.code = late ? "upstream_timeout" : "upstream_unreachable";
  fault.message = fmt::format("provider {}: {}", provider, error.message);
  fault.retry = true;
  return fault;
}

Fault key_fault(const Error& error) {
  const bool unknown = error.code == Code::unauthenticated;
  Fault fault;
  fault.status = unknown ? 401 : 503;
  fault.type = unknown ? "invalid_request_error" : "server_error";
  fault.code = unknown ? "invalid_api_key" : "unavailable";
  fault.message = error.message;
  if (!error.next.empty()) fault.message += "; run: " + error.next;
  fault.retry = !unknown;
  return fault;
}

Fault with_explain(Fault fault, const Call& call) {
  fault.message += fmt::format("; run: govctl explain {}", call.id().text());
  return fault;
}

Fault unsettled_fault() {
  Fault fault;
  fault.status = 503;
  fault.type = "server_error";
  fault.code = "unavailable";
  fault.message = "the charge could not be written to the ledger, so the answer is withheld";
  return fault;
}

std::string platform_json(const Call& call, const domain::Charge& charge) {
  return fmt::format(R"({{"credits_charged":{},"latency_ms":{},"request_id":"{}"}})", charge.credits.value(),
                     call.latency_ms(), call.id().text());
}

http::Headers answer_headers(const Call& call, const Hold& hold, std::string_view content_type) {
  http::Headers headers;
  headers.reserve(8);
  headers.push_back({"Content-Type", std::string(content_type)});
  headers.push_back({"x-request-id", call.id().text()});
  if (hold.clamped()) headers.push_back({"x-govd-max-tokens", fmt::format("{}", hold.output_tokens())});
  const tenant::Node& key = *call.facts.caller.key;
  if (!key.rules->rates.empty()) {
    for (const auto& rate : call.facts.caller.tenant->rate_states(*call.facts.caller.snapshot, key)) {
      const char* const what = rate.cause == domain::Cause::tpm ? "tokens" : "requests";
      headers.push_back({fmt::format("x-ratelimit-limit-{}", what), fmt::format("{}", rate.limit)});
      headers.push_back({fmt::format("x-ratelimit-remaining-{}", what), fmt::format("{}", rate.remaining)});
      headers.push_back({fmt::format("x-ratelimit-reset-{}", what), fmt::format("{}s", rate.reset_s)});
    }
  }
  return headers;
}

// The body as the upstream must see it.
std::string upstream_body(Call& call, const Route& route, const Hold& hold) {
  const domain::Ask& ask = call.facts.ask;
  providers::openai::RequestEdits edits;
  if (route.upstream_model != ask.model) edits.model = route.upstream_model;
  edits.include_usage = ask.stream && !call.request.include_usage && route.provider->usage_in_stream;
  // What the hold covers is what may be produced; the model's own largest answer needs no saying.
  const bool own_bound = !ask.max_tokens && hold.output_tokens() == route.price->max_output_tokens;
  if (!own_bound && ask.max_tokens != hold.output_tokens()) edits.max_tokens = hold.output_tokens();
  edits.max_tokens_field = route.provider->max_tokens_field;
  auto edited = providers::openai::edited(call.body, call.request.object, edits);
  return edited ? std::move(*edited) : std::move(call.body);
}

asio::awaitable<void> refuse(Call& call, const Refusal& refusal, const Route* route) {
  const bool recorded = co_await call.facts.caller.tenant->record_refusal(call.facts, refusal, route);
  log::info("call refused", {{log::Field::request_id, call.id().text()},
                             {log::Field::agent, call.facts.caller.key->path},
                             {log::Field::cause, domain::cause_word(refusal.cause)},
                             {log::Field::status, recorded ? "recorded" : "not recorded"}});
  http::Response response = chat_refusal(refusal, call.id());
  auto sent = co_await call.exchange.respond(std::move(response));
  (void)sent;  // a client that has gone misses its refusal
}

// --- an answer in one piece
// ------------------------------------------------------------------------------------------

// Settles and answers with a fault of the upstream's.
asio::awaitable<void> fail_call(Call& call, Hold& hold, Fault fault) {
  auto charge = co_await hold.settle();
  if (!charge) fault = unsettled_fault();
  const Fault explained = with_explain(std::move(fault), call);
  http::Response response = chat_fault(explained, call.id());
  auto sent = co_await call.exchange.respond(std::move(response));
  (void)sent;
}

// An error status of the upstream's passes as it is; but its word on our credential is not the client's key's
// fault.
asio::awaitable<void> pass_error(Call& call, Hold& hold, const http::UpstreamResponse& response,
                                 std::string body, std::string_view provider) {
  Outcome& outcome = hold.outcome();
  const int status = response.status();
  outcome.upstream_refused = true;
  outcome.cause = "upstream_error";
  outcome.error_message = fmt::format("provider {} answered {}", provider, status);
  const bool json = providers::scan_object(body).has_value();
  if (status < 400 || status == 401 || !json) {
    Fault fault;
    fault.status = status < 400 || status == 401 ? 502 : status;
    fault.type = "upstream_error";
    fault.code = status == 401 ? "upstream_credential" : "upstream_error";
    fault.message = status == 401 ? fmt::format("provider {} refuses the organization's credential", provider)
                                  : outcome.error_message;
    fault.retry = status >= 500 || status == 429;
    co_await fail_call(call, hold, std::move(fault));
    co_return;
  }
  http::Response answer;
  answer.status = status;
  answer.headers = answer_headers(call, hold, "application/json");
  if (const auto retry = response.header("retry-after"); !retry.empty()) {
    answer.headers.push_back({"retry-after", std::string(retry)});
  }
  answer.body = std::move(body);
  auto charge = co_await hold.settle();
  if (!charge) answer = chat_fault(unsettled_fault(), call.id());
  auto sent = co_await call.exchange.respond(std::move(answer));
  (void)sent;
}

asio::awaitable<void> answer_whole(Call& call, Hold& hold, http::UpstreamResponse& response,
                                   std::string_view provider) {
  Outcome& outcome = hold.outcome();
  auto body = co_await response.read_all(max_answer_bytes);
  if (!body) {
    outcome.cause = "upstream_failed";
    outcome.error_message = body.error().message;
    co_await fail_call(call, hold, upstream_fault(body.error(), provider));
    co_return;
  }
  if (response.status() < 200 || response.status() > 299) {
    co_await pass_error(call, hold, response, std::move(*body), provider);
    co_return;
  }
  auto answer = providers::openai::read_answer(*body);
  if (!answer) {
    outcome.cause = "upstream_garbage";
    outcome.error_message =
        fmt::format("provider {} answered {} with what is no chat completion", provider, response.status());
    const Error error{Code::upstream_failed, "the answer is no chat completion", "", ""};
    co_await fail_call(call, hold, upstream_fault(error, provider));
    co_return;
  }
  outcome.usage = answer->usage.usage;
  outcome.usage_absurd = answer->usage.absurd;
  outcome.relayed_bytes = answer->produced_bytes;
  outcome.status = CallStatus::success;
  outcome.completion = "complete";
  auto charge = co_await hold.settle();
  if (!charge) {
    http::Response withheld = chat_fault(with_explain(unsettled_fault(), call), call.id());
    auto sent = co_await call.exchange.respond(std::move(withheld));
    (void)sent;
    co_return;
  }
  http::Response whole;
  whole.headers = answer_headers(call, hold, "application/json");
  whole.body = providers::openai::with_platform(*body, answer->object, platform_json(call, *charge));
  auto sent = co_await call.exchange.respond(std::move(whole));
  (void)sent;
}

// --- a streamed answer
// ------------------------------------------------------------------------------------------------

// What follows the last relayed event, once the charge is durable.
std::string stream_end(const Call& call, const Relayed& relayed, const domain::Charge& charge) {
  std::string end;
  if (call.request.include_usage) {
    std::string chunk = relayed.usage_chunk;
    if (chunk.empty()) {  // the upstream sent none: the figures are those that were charged
      const auto in = charge.usage.input_tokens();
      const auto out = charge.usage.output_tokens();
      chunk = fmt::format(
          R"({{"id":{},"object":"chat.completion.chunk","choices":[],"usage":{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{}}}}})",
          relayed.last_id.empty() ? "\"\"" : relayed.last_id, in, out, in + out);
    }
    const auto object = providers::scan_object(chunk);
    end = "data: " + providers::openai::with_platform(chunk, *object, platform_json(call, charge)) + "\n\n";
  }
  end += "data: [DONE]\n\n";
  return end;
}

asio::awaitable<void> answer_stream(Call& call, Hold& hold, http::UpstreamResponse& response,
                                    DisconnectWatch& watch, std::string_view provider) {
  Outcome& outcome = hold.outcome();
  http::Headers headers = answer_headers(call, hold, "text/event-stream; charset=utf-8");
  headers.push_back({"Cache-Control", "no-cache"});
  headers.push_back({"X-Accel-Buffering", "no"});
  auto started = co_await call.exchange.start(200, std::move(headers));
  Relayed relayed;
  if (started) {
    relayed = co_await relay_chat(response, call.exchange, outcome, watch.gone);
  } else {
    relayed.end = StreamEnd::client_gone;
  }

  Fault fault = upstream_fault(relayed.error, provider);
  switch (relayed.end) {
    case StreamEnd::complete:
      outcome.status = CallStatus::success;
      outcome.completion = "complete";
      break;
    case StreamEnd::client_gone:
      response.cancel();
      outcome.cause = "client_gone";
      outcome.completion = "partial";
      outcome.error_message = "the client disconnected";
      break;
    case StreamEnd::upstream_failed:
      outcome.cause = "upstream_failed";
      outcome.completion = "error";
      outcome.error_message = relayed.error.message;
      break;
    case StreamEnd::upstream_error_event:
      outcome.cause = "upstream_error";
      outcome.completion = "error";
      outcome.error_message = fmt::format("provider {} broke off with an error", provider);
      break;
    case StreamEnd::garbage:
      outcome.cause = "upstream_garbage";
      outcome.completion = "error";
      outcome.error_message = fmt::format("provider {} sent what is no chat completion chunk", provider);
      fault.message = outcome.error_message;
      break;
  }
  auto charge = co_await hold.settle();
  if (relayed.end == StreamEnd::client_gone) {
    call.exchange.abort();
    co_return;
  }
  std::string end;
  if (!charge) {
    end = "data: " + chat_error_json(with_explain(unsettled_fault(), call)) + "\n\n";
  } else if (relayed.end == StreamEnd::complete) {
    end = stream_end(call, relayed, *charge);
  } else if (relayed.end != StreamEnd::upstream_error_event) {
    end = "data: " + chat_error_json(with_explain(std::move(fault), call)) + "\n\n";
  }
  auto finished = co_await call.exchange.finish(end);
  (void)finished;
}

// After [DONE] an upstream still owes the end of its framing; the connection serves again once that has come.
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

Calls::Calls(tenant::Registry& registry, const std::vector<asio::io_context*>& contexts) : registry_(registry) {
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

asio::awaitable<void> Calls::chat(http::Exchange& exchange) {
  const Clock& clock = *registry_.services().clock;
  Call call{exchange, clock, {}, {}, {}};
  CallFacts& facts = call.facts;
  facts.began = clock.now();
  facts.began_steady = clock.steady_micros();
  facts.request_id = RequestId::mint(facts.began.millis());

  auto caller = authenticate(exchange);
  if (!caller) {
    http::Response response = chat_fault(key_fault(caller.error()), facts.request_id);
    auto sent = co_await exchange.respond(std::move(response));
    (void)sent;
    co_return;
  }
  facts.caller = std::move(*caller);
  facts.dialect = "chat";
  facts.session = session_of(exchange);
  facts.client_request_id = client_request_id_of(exchange);
  facts.tags = tags_of(exchange);

  auto body = co_await exchange.body();
  if (!body) {
    Refusal refusal;
    refusal.message = body.error().message;
    const bool recorded = co_await facts.caller.tenant->record_refusal(facts, refusal, nullptr);
    (void)recorded;
    Fault fault;
    fault.status = govctl::facts(body.error().code).status;
    fault.type = "invalid_request_error";
    fault.code = govctl::facts(body.error().code).word;
    fault.message = body.error().message;
    http::Response response = chat_fault(fault, facts.request_id);
    auto sent = co_await exchange.respond(std::move(response));
    (void)sent;
    co_return;
  }
  // A body may take its time: the key and the rules of now count.
  caller = authenticate(exchange);
  if (!caller) {
    http::Response response = chat_fault(key_fault(caller.error()), facts.request_id);
    auto sent = co_await exchange.respond(std::move(response));
    (void)sent;
    co_return;
  }
  facts.caller = std::move(*caller);
  call.body = std::move(*body);
  auto request = chat::parse(call.body);
  if (!request) {
    co_await refuse(call, request.error(), nullptr);
    co_return;
  }
  call.request = std::move(*request);
  facts.ask = call.request.ask;
  facts.user = call.request.user;

  auto route = tenant::route(facts.caller, facts.ask.model);
  if (!route) {
    co_await refuse(call, route.error(), nullptr);
    co_return;
  }
  auto hold = co_await facts.caller.tenant->reserve(facts, *route);
  if (!hold) {
    co_await refuse(call, hold.error(), &*route);
    co_return;
  }

  // From here on money is held: whatever way this is left, the hold settles.
  Outcome& outcome = hold->outcome();
  outcome.hidden_reasoning = providers::openai::hides_reasoning(route->upstream_model);
  outcome.attempts = 1;
  outcome.sent = true;  // until it is known that not: an exception on the way must not make the call free
  const std::string& provider = route->provider->name;
  const std::string request_id = facts.request_id.text();
  std::string upstream = upstream_body(call, *route, *hold);
  std::optional<DisconnectWatch> watch;
  if (facts.ask.stream) watch.emplace(exchange);
  auto response = co_await upstreams(exchange).chat(*route, std::move(upstream), request_id, facts.ask.stream,
                                                    watch ? &watch->cancel : nullptr);
  if (!response) {
    const http::SendFault& fault = response.error();
    const bool gone = watch && watch->gone;
    outcome.sent = !fault.nothing_sent;
    outcome.cause = gone                                ? "client_gone"
                    : fault.error.code == Code::timeout ? "upstream_timeout"
                                                        : "upstream_failed";
    outcome.error_message = gone ? "the client disconnected" : fault.error.message;
    if (facts.ask.stream) outcome.completion = gone ? "partial" : "error";
    const Fault answer = upstream_fault(fault.error, provider);
    co_await fail_call(call, *hold, answer);
    co_return;
  }
  outcome.first_byte_ms = call.latency_ms();

  const bool streamed = facts.ask.stream && (*response)->status() == 200 &&
                        (*response)->header("content-type").find("event-stream") != std::string_view::npos;
  if (!streamed) {
    if (watch) watch->cancel = {};
    co_await answer_whole(call, *hold, **response, provider);
    co_return;
  }
  watch->cancel = [upstream_response = response->get()] { upstream_response->cancel(); };
  co_await answer_stream(call, *hold, **response, *watch, provider);
  watch.reset();
  if (outcome.completion == "complete") spawn_drain(std::move(*response), exchange.context());
}

}  // namespace govctl::calls
