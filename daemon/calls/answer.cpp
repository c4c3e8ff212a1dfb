// How a call ends that is with its provider and gets an answer in one piece.

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "daemon/calls/call.h"
#include "daemon/calls/stop.h"
#include "daemon/providers/openai.h"

namespace govctl::calls {

using domain::CallStatus;
using domain::Outcome;
using providers::Format;

namespace {

constexpr std::size_t max_answer_bytes = std::size_t{64} << 20;

// The rate limits that a provider tells its clients of pass with its own error.
constexpr std::array<std::string_view, 2> passed_with_errors{"retry-after", "x-should-retry"};

asio::awaitable<void> respond(Call& call, http::Response response) {
  auto sent = co_await call.exchange.respond(std::move(response));
  (void)sent;
}

asio::awaitable<void> answer_error(Call& call, Sent sent, const http::UpstreamResponse& response,
                                   std::string body) {
  Outcome& outcome = sent.hold.outcome();
  const std::string& provider = sent.route.provider->name;
  outcome.upstream_refused = true;
  outcome.cause = "upstream_error";
  outcome.error_message = fmt::format("provider {} answered {}", provider, response.status());
  UpstreamError error = upstream_error(sent.passage, response.status(), body, provider);
  if (!error.passes) {
    error.fault.retry_after = response.header("retry-after");
    co_await answer_fault(call, sent, std::move(error.fault));
    co_return;
  }
  http::Response answer;
  answer.status = response.status();
  answer.body = std::move(body);
  outcome.answered = response.status();
  auto charge = co_await sent.hold.settle();
  answer.headers = answer_headers(call, sent.hold, "application/json");
  for (const std::string_view name : passed_with_errors) {
    if (const auto value = response.header(name); !value.empty()) {
      answer.headers.push_back({std::string(name), std::string(value)});
    }
  }
  if (!charge) answer = fault_answer(call.dialect.envelope, unsettled_fault(), call.id());
  co_await respond(call, std::move(answer));
}

// An answer that the provider calls a success and that is none.
asio::awaitable<void> answer_garbage(Call& call, Sent sent, int status) {
  const std::string& provider = sent.route.provider->name;
  Outcome& outcome = sent.hold.outcome();
  outcome.cause = "upstream_garbage";
  outcome.error_message = fmt::format("provider {} answered {} with what is no such answer", provider, status);
  const Error error{Code::upstream_failed, "the answer is not what was asked for", "", ""};
  co_await answer_fault(call, sent, upstream_fault(error, provider));
}

// The provider's answer as the client's dialect says it, charge included where it has a place.
std::string said(const Call& call, const Passage& passage, const std::string& body,
                 const providers::Json& pivot, const domain::Charge& charge) {
  const bool chat = call.dialect.format == Format::chat;
  if (passage.bytes_pass()) {
    if (!chat) return body;
    const auto object = providers::scan_object(body, providers::Utf8::passed);
    return providers::openai::with_platform(body, *object, platform_json(call, charge));
  }
  if (!chat) return dialect_answer(passage, pivot, charge.usage, call.identity());
  providers::Json whole = pivot;
  whole["x_platform"] = providers::Json::parse(platform_json(call, charge), nullptr, false);
  return dumped(whole);
}

}  // namespace

asio::awaitable<void> answer_fault(Call& call, Sent sent, Fault fault) {
  sent.hold.outcome().answered = fault.status;
  auto charge = co_await sent.hold.settle();
  if (!charge) fault = unsettled_fault();
  co_await tell(call, with_explain(std::move(fault), call));
}

asio::awaitable<void> answer_unsent(Call& call, Sent sent, const http::SendFault& fault, bool gone) {
  Outcome& outcome = sent.hold.outcome();
  outcome.sent = !fault.nothing_sent;
  outcome.cause = gone                                ? "client_gone"
                  : fault.error.code == Code::timeout ? "upstream_timeout"
                                                      : "upstream_failed";
  outcome.error_message = gone ? "the client disconnected" : fault.error.message;
  if (call.facts.ask.stream) outcome.completion = gone ? "partial" : "error";
  if (note_stop(call, outcome)) {
    co_await answer_fault(call, sent, stop_fault(*call.stopped));
    co_return;
  }
  co_await answer_fault(call, sent, upstream_fault(fault.error, sent.route.provider->name));
}

asio::awaitable<void> answer_whole(Call& call, Sent sent, http::UpstreamResponse& response) {
  Outcome& outcome = sent.hold.outcome();
  auto body = co_await response.read_all(max_answer_bytes);
  if (!body) {
    outcome.cause = "upstream_failed";
    outcome.error_message = body.error().message;
    co_await answer_fault(call, sent, upstream_fault(body.error(), sent.route.provider->name));
    co_return;
  }
  if (response.status() < 200 || response.status() > 299) {
    co_await answer_error(call, sent, response, std::move(*body));
    co_return;
  }
  const auto answer = providers::read_answer(sent.passage.format, *body);
  if (!answer) {
    co_await answer_garbage(call, sent, response.status());
    co_return;
  }
  outcome.usage = answer->usage.usage;
  outcome.usage_absurd = answer->usage.absurd;
  outcome.relayed_bytes = answer->produced_bytes;
  providers::Json pivot;
  if (!sent.passage.bytes_pass()) {
    auto made = pivot_answer(sent.passage, *body, call.identity());
    if (!made) {
      co_await answer_garbage(call, sent, response.status());
      co_return;
    }
    pivot = std::move(*made);
  }
  outcome.status = CallStatus::success;
  outcome.completion = "complete";
  if (note_stop(call, outcome)) {
    co_await answer_fault(call, sent, stop_fault(*call.stopped));
    co_return;
  }
  auto charge = co_await sent.hold.settle();
  if (!charge) {
    co_await tell(call, with_explain(unsettled_fault(), call));
    co_return;
  }
  http::Response whole;
  whole.headers = answer_headers(call, sent.hold, "application/json");
  whole.body = said(call, sent.passage, *body, pivot, *charge);
  co_await respond(call, std::move(whole));
}

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

Fault unsettled_fault() {
  Fault fault;
  fault.status = 503;
  fault.type = "server_error";
  fault.code = "unavailable";
  fault.message = "the charge could not be written to the ledger, so the answer is withheld";
  return fault;
}

Fault with_explain(Fault fault, const Call& call) {
  fault.message += fmt::format("; run: govctl explain {}", call.id().text());
  return fault;
}

// The provider's word on our credential is not the client's key's fault.
UpstreamError upstream_error(const Passage& passage, int status, std::string_view body,
                             std::string_view provider) {
  UpstreamError error;
  error.passes =
      passage.bytes_pass() && status >= 400 && status != 401 && providers::scan_object(body).has_value();
  error.fault.status = status < 400 || status == 401 ? 502 : status;
  error.fault.type = "upstream_error";
  error.fault.code = status == 401 ? "upstream_credential" : "upstream_error";
  error.fault.retry = status >= 500 || status == 429;
  if (status == 401) {
    error.fault.message = fmt::format("provider {} refuses the organization's credential", provider);
    return error;
  }
  error.fault.message = fmt::format("provider {} answered {}", provider, status);
  if (const std::string theirs = upstream_message(body); !theirs.empty()) error.fault.message += ": " + theirs;
  return error;
}

std::string platform_json(const Call& call, const domain::Charge& charge) {
  return fmt::format(R"({{"credits_charged":{},"latency_ms":{},"request_id":"{}"}})", charge.credits.value(),
                     call.latency_ms(), call.id().text());
}

http::Headers answer_headers(const Call& call, const tenant::Hold& hold, std::string_view content_type) {
  http::Headers headers;
  headers.reserve(8);
  headers.push_back({"Content-Type", std::string(content_type)});
  headers.push_back({"x-request-id", call.id().text()});
  if (call.dialect.envelope == Envelope::messages) headers.push_back({"request-id", call.id().text()});
  if (hold.clamped()) headers.push_back({"x-govd-max-tokens", fmt::format("{}", hold.output_tokens())});
  const tenant::Node& key = *call.facts.caller.key;
  if (key.rules->rates.empty()) return headers;
  const Timestamp now = call.clock.now();
  for (const auto& rate : call.facts.caller.tenant->rate_states(*call.facts.caller.snapshot, key)) {
    add_rate_limit(headers, call.dialect.envelope, rate, now);
  }
  return headers;
}

}  // namespace govctl::calls
