#include "daemon/calls/attempts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <utility>

#include "daemon/providers/openai.h"

namespace govctl::calls {

using tenant::Candidate;

namespace {

constexpr std::int64_t most_attempts = 6;
// No attempt begins later than that after the first.
constexpr std::int64_t longest_asking = 30 * micros_per_second;
constexpr std::int64_t longest_pause_s = 2;

// Statuses by which every kind of provider says "not now": the request was turned away.
constexpr std::array turned_away{429, 503, 529};
// Somebody between here and the model gave up waiting: it may be at work.
constexpr std::array timed_out{408, 504, 524};
// Another provider has another credential, and its own models.
constexpr std::array not_here{401, 403, 404};

// The body as the upstream must see it: what the hold covers is what may be produced, and the model's own
// largest answer needs no saying.
std::string upstream_body(Asking& asking, std::size_t index, std::string body) {
  const Candidate& candidate = asking.route.candidates[index];
  const domain::Ask& ask = asking.call.facts.ask;
  const auto& own = candidate.price->max_output_tokens;
  const std::int64_t output = std::min(asking.hold.output_tokens(), own.value_or(INT64_MAX));
  return body_for(asking.passages[index], std::move(body), asking.call.request, candidate, output,
                  ask.max_tokens.has_value() || output != own);
}

// The body for one who is asked; a copy stays for whoever may be asked next. The request's views are into what
// is given.
std::string take_body(Call& call) {
  if (call.request.object.members.empty()) {
    if (auto object = providers::scan_object(call.body)) call.request.object = std::move(*object);
  }
  std::string kept = call.body;
  return std::exchange(call.body, std::move(kept));
}

asio::awaitable<Response> send_to(Asking& asking, std::size_t index) {
  const Candidate& candidate = asking.route.candidates[index];
  Passage& passage = asking.passages[index];
  Call& call = asking.call;
  domain::Outcome& outcome = asking.hold.outcome();
  asking.hold.ask(index);
  outcome.hidden_reasoning = providers::openai::hides_reasoning(candidate.upstream_model);
  ++outcome.attempts;
  outcome.sent = true;  // until it is known that not: an exception on the way must not make the call free
  std::string body = upstream_body(asking, index, passage.bytes_pass() ? take_body(call) : std::string());
  call.request.object = {};
  const std::string request_id = call.id().text();
  const auto passed = passed_headers(call.exchange, passage);
  Calls::Upstreams::Letter letter{.adapter = *passage.adapter,
                                  .format = passage.format,
                                  .body = std::move(body),
                                  .stream = call.facts.ask.stream,
                                  .request_id = request_id,
                                  .passed = &passed};
  co_return co_await asking.upstreams.send(candidate, std::move(letter),
                                           asking.watch != nullptr ? &asking.watch->cancel : nullptr);
}

bool gone(const Asking& asking) { return asking.watch != nullptr && asking.watch->gone; }

// Tells the provider's circuit how it was. The mock fails as its model's name says: that is no news of it.
void tell(const Asking& asking, Attempt& attempt) {
  if (gone(asking) || asking.route.candidates[attempt.candidate].provider->kind == "mock") return;
  if (attempt.response) {
    if ((*attempt.response)->status() >= 500) {
      attempt.permit.failed();
    } else {
      attempt.permit.succeeded();
    }
    return;
  }
  const Code code = attempt.response.error().error.code;
  if (code == Code::upstream_failed || code == Code::timeout) attempt.permit.failed();
}

Resending after(const Response& response, bool retried) {
  if (!response) return {response.error().nothing_sent ? Resend::other : Resend::no};
  return after_status((*response)->status(), (*response)->header("retry-after"), retried);
}

// Waits, unless the client goes.
asio::awaitable<void> pause(Asking& asking, std::chrono::seconds length) {
  asio::steady_timer timer(asking.call.exchange.context(), length);
  if (asking.watch != nullptr) asking.watch->cancel = [&timer] { timer.cancel(); };
  boost::system::error_code ignored;
  if (!gone(asking)) co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  if (asking.watch != nullptr) asking.watch->cancel = {};
}

// Nobody was asked: why the first was not, and when the soonest may be.
struct Closed {
  std::string why;
  std::string_view cause;
  std::int64_t retry_after_s = 0;

  void note(const std::string& provider, const Traffic::Blocked& blocked) {
    if (cause.empty()) cause = blocked.circuit ? "circuit_open" : "provider_busy";
    retry_after_s = why.empty() ? blocked.retry_after_s : std::min(retry_after_s, blocked.retry_after_s);
    if (!why.empty()) why += "; ";
    why += blocked.circuit ? fmt::format("provider {} keeps failing and is tried again in {} s", provider,
                                         blocked.retry_after_s)
                           : fmt::format("provider {} has as many calls as its max_parallel allows", provider);
  }
};

Fault closed_fault(const Call& call, domain::Outcome& outcome, const Closed& closed) {
  outcome.sent = false;
  outcome.cause = closed.cause;
  outcome.error_message = closed.why;
  if (call.facts.ask.stream) outcome.completion = "error";
  Fault fault;
  fault.status = 503;
  fault.type = "server_error";
  fault.code = closed.cause;
  fault.message = closed.why;
  fault.retry = true;
  fault.retry_after = fmt::format("{}", closed.retry_after_s);
  return fault;
}

// Asks one candidate, and once more where it says when. False: the answer, or its failure, stands.
asio::awaitable<bool> ask_one(Asking& asking, std::size_t index, bool more, std::int64_t deadline,
                              Attempt& last, Closed& closed) {
  const domain::Outcome& outcome = asking.hold.outcome();
  const Candidate& candidate = asking.route.candidates[index];
  for (bool retried = false;; retried = true) {
    if (retried) last.permit = {};
    auto permit = asking.traffic.enter(*candidate.provider);
    if (!permit) {
      closed.note(candidate.provider->name, permit.error());
      co_return true;
    }
    last.permit = std::move(*permit);
    last.candidate = index;
    last.response = co_await send_to(asking, index);
    tell(asking, last);
    const auto [resend, length] = after(last.response, retried);
    const bool late = outcome.attempts >= most_attempts ||
                      asking.call.clock.steady_micros() + std::chrono::microseconds(length).count() > deadline;
    if (resend == Resend::no || late || gone(asking)) co_return false;
    if (resend == Resend::other) co_return more;
    co_await pause(asking, length);
    if (gone(asking)) {
      last.response =
          std::unexpected(http::SendFault{{Code::upstream_failed, "the client disconnected", "", ""}, true});
      co_return false;
    }
  }
}

}  // namespace

std::expected<Passages, domain::Refusal> find_passages(const Call& call, tenant::Route& route) {
  Passages passages;
  std::vector<Candidate> able;
  std::optional<domain::Refusal> refused;
  for (const Candidate& candidate : route.candidates) {
    auto passage = find_passage(call.dialect, call.request, call.body, candidate);
    if (passage) {
      passages.push_back(std::move(*passage));
      able.push_back(candidate);
    } else if (!refused) {
      refused = std::move(passage.error());
    }
  }
  if (able.empty()) return std::unexpected(std::move(*refused));
  route.candidates = std::move(able);
  return passages;
}

Resending after_status(int status, std::string_view retry_after, bool retried) {
  if (std::ranges::find(turned_away, status) != turned_away.end()) {
    std::int64_t seconds = 0;
    const char* const begin = retry_after.data();
    const char* const end = begin + retry_after.size();
    const auto [stop, error] = std::from_chars(begin, end, seconds);
    const bool said = !retry_after.empty() && error == std::errc{} && stop == end && seconds >= 0;
    if (said && seconds <= longest_pause_s && !retried) return {Resend::same, std::chrono::seconds(seconds)};
    return {Resend::other};
  }
  if (std::ranges::find(timed_out, status) != timed_out.end()) return {};
  if (status >= 500 || std::ranges::find(not_here, status) != not_here.end()) return {Resend::other};
  return {};
}

asio::awaitable<Attempt> ask_in_turn(Asking asking) {
  Attempt last;
  Closed closed;
  const std::int64_t deadline = asking.call.clock.steady_micros() + longest_asking;
  const auto& candidates = asking.route.candidates;
  const auto next_covered = [&](std::size_t from) {
    while (from < candidates.size() && !asking.hold.covers(from)) ++from;
    return from;
  };
  bool go_on = true;
  for (std::size_t i = next_covered(0); go_on && i < candidates.size();) {
    const std::size_t next = next_covered(i + 1);
    go_on = co_await ask_one(asking, i, next < candidates.size(), deadline, last, closed);
    i = next;
  }
  if (asking.hold.outcome().attempts == 0) {
    last.blocked = closed_fault(asking.call, asking.hold.outcome(), closed);
  }
  // Nobody is asked any more.
  asking.call.request.object = {};
  asking.call.body = {};
  co_return last;
}

}  // namespace govctl::calls
