#include "daemon/calls/refusals.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace govctl::calls {

using domain::Cause;

namespace {

using Json = nlohmann::ordered_json;

// What one envelope says of a cause. Anthropic has no codes.
struct Words {
  int status;
  std::string_view type;
  std::string_view code;
};
struct Row {
  Cause cause;
  Words chat, messages, responses;
  bool retry;           // waiting mends it
  bool explain_itself;  // its command is `next`, which mends it; else `govctl explain`

  [[nodiscard]] const Words& in(Envelope envelope) const {
    switch (envelope) {
      case Envelope::chat:
        return chat;
      case Envelope::messages:
        return messages;
      case Envelope::responses:
        return responses;
    }
    return chat;
  }
};

constexpr Words invalid(std::string_view code) { return {400, "invalid_request_error", code}; }
constexpr Words denied{403, "policy_denied", "policy_denied"};
constexpr Words too_many{429, "rate_limit_error", ""};
constexpr Words spent{429, "billing_error", ""};
constexpr Words used_up(std::string_view code) { return {429, "usage_limit_reached", code}; }
constexpr Words switched_off(std::string_view code) { return {403, "permission_error", code}; }
constexpr Words limited(std::string_view type) { return {429, type, "rate_limit_exceeded"}; }
constexpr Words used(std::string_view code) { return {409, "invalid_request_error", code}; }
constexpr Words owing(std::string_view code) { return {402, "insufficient_quota", code}; }

// clang-format off
constexpr std::array table{
    Row{Cause::bad_request, invalid("invalid_request"), invalid(""), invalid("invalid_request"), false, false},
    Row{Cause::unknown_provider, invalid("unknown_provider"), invalid(""), invalid("unknown_provider"), false, true},
    Row{Cause::no_price, invalid("no_price"), invalid(""), invalid("no_price"), false, true},
    Row{Cause::no_credential, invalid("no_credential"), invalid(""), invalid("no_credential"), false, true},
    Row{Cause::inactive, switched_off("inactive"), switched_off(""), switched_off("inactive"), false, false},
    Row{Cause::frozen, switched_off("frozen"), switched_off(""), switched_off("frozen"), false, false},
    Row{Cause::model_denied, denied, invalid(""), invalid("policy_denied"), false, false},
    Row{Cause::provider_denied, denied, invalid(""), invalid("policy_denied"), false, false},
    Row{Cause::input_tokens, denied, invalid(""), invalid("policy_denied"), false, false},
    Row{Cause::output_tokens, denied, invalid(""), invalid("policy_denied"), false, false},
    Row{Cause::costly_feature, denied, invalid(""), invalid("policy_denied"), false, false},
    Row{Cause::rpm, limited("requests"), too_many, limited("requests"), true, false},
    Row{Cause::tpm, limited("tokens"), too_many, limited("tokens"), true, false},
    Row{Cause::parallel, limited("requests"), too_many, limited("requests"), true, false},
    Row{Cause::credits, owing("insufficient_credits"), spent, used_up("insufficient_credits"), false, false},
    Row{Cause::budget, owing("budget_exceeded"), spent, used_up("budget_exceeded"), false, false},
    Row{Cause::key_limit, owing("budget_exceeded"), spent, used_up("budget_exceeded"), false, false},
    Row{Cause::idempotency_in_progress, used("idempotency_in_progress"), used(""),
        used("idempotency_in_progress"), true, false},
    Row{Cause::idempotency_conflict, used("idempotency_conflict"), used(""), used("idempotency_conflict"), false,
        false},
    Row{Cause::idempotency_mismatch, {422, "invalid_request_error", "idempotency_mismatch"},
        {422, "invalid_request_error", ""}, {422, "invalid_request_error", "idempotency_mismatch"}, false, false},
    // Nothing was recorded to explain.
    Row{Cause::unavailable, {503, "server_error", "unavailable"}, {503, "api_error", ""},
        {503, "server_error", "unavailable"}, true, true},
};
// clang-format on
constexpr bool in_order() {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (static_cast<std::size_t>(table[i].cause) != i) return false;
  }
  return true;
}
static_assert(in_order(), "the table is indexed by Cause");

// Anthropic's error type of a status (docs.anthropic.com/en/api/errors).
std::string_view anthropic_type(int status) {
  struct Type {
    int status;
    std::string_view type;
  };
  constexpr std::array types{Type{401, "authentication_error"}, Type{402, "billing_error"},
                             Type{403, "permission_error"},     Type{404, "not_found_error"},
                             Type{413, "request_too_large"},    Type{429, "rate_limit_error"},
                             Type{504, "timeout_error"},        Type{529, "overloaded_error"}};
  const auto* const found = std::ranges::find(types, status, &Type::status);
  if (found != types.end()) return found->type;
  return status < 500 ? "invalid_request_error" : "api_error";
}

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json openai_error(const Fault& fault) {
  Json error{{"message", fault.message}, {"type", fault.type}, {"param", nullptr}, {"code", nullptr}};
  if (!fault.param.empty()) error["param"] = fault.param;
  if (!fault.code.empty()) error["code"] = fault.code;
  return error;
}

Json error_json(Envelope envelope, const Fault& fault, const RequestId& request_id) {
  if (envelope != Envelope::messages) return {{"error", openai_error(fault)}};
  return {{"type", "error"},
          {"error", Json{{"type", fault.type}, {"message", fault.message}}},
          {"request_id", request_id.text()}};
}

http::Response answer(Envelope envelope, const Fault& fault, const Json& body, const RequestId& request_id) {
  http::Response response;
  response.status = fault.status;
  response.headers.push_back({"Content-Type", "application/json"});
  response.headers.push_back({"x-request-id", request_id.text()});
  if (envelope == Envelope::messages) response.headers.push_back({"request-id", request_id.text()});
  if (!fault.retry_after.empty()) response.headers.push_back({"retry-after", fault.retry_after});
  if (!fault.retry) response.headers.push_back({"x-should-retry", "false"});
  response.body = dumped(body);
  return response;
}

void add(http::Response& response, std::string name, std::string value) {
  response.headers.push_back({std::move(name), std::move(value)});
}

void add_rate_headers(http::Response& response, Envelope envelope, const domain::Refusal& refusal,
                      Timestamp now) {
  if (!refusal.retry_after_s) return;
  const std::int64_t wait = std::clamp<std::int64_t>(*refusal.retry_after_s, 1, 60);
  add(response, "retry-after", fmt::format("{}", wait));
  if (!refusal.limit || refusal.cause == Cause::parallel) return;
  add_rate_limit(response.headers, envelope, {refusal.cause, *refusal.limit, 0, wait}, now);
}

// A sentence as a header can carry it.
std::string header_text(std::string_view text) {
  std::string kept;
  std::ranges::copy_if(text.substr(0, 500), std::back_inserter(kept),
                       [](char c) { return c >= ' ' && c < 0x7f; });
  return kept;
}

// Codex says "You've hit your usage limit." in words of its own and shows of ours what stands in these headers
// (codex-rs/codex-api/src/rate_limits.rs).
void add_codex_headers(http::Response& response, const domain::Refusal& refusal, Timestamp now,
                       std::string_view message) {
  add(response, "x-codex-promo-message", header_text(message));
  add(response, "x-codex-primary-used-percent", "100");
  if (!refusal.resets_at || !refusal.period) return;
  const std::int64_t window = refusal.resets_at->micros - domain::period_start(*refusal.period, now).micros;
  const std::int64_t wait = std::max<std::int64_t>(refusal.resets_at->micros - now.micros, 0);
  add(response, "x-codex-primary-window-minutes", fmt::format("{}", window / micros_per_second / 60));
  add(response, "x-codex-primary-reset-at", fmt::format("{}", refusal.resets_at->micros / micros_per_second));
  add(response, "x-codex-primary-reset-after-seconds", fmt::format("{}", wait / micros_per_second));
}

}  // namespace

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

http::Response fault_answer(Envelope envelope, const Fault& fault, const RequestId& request_id) {
  Fault told = fault;
  if (envelope == Envelope::messages) told.type = anthropic_type(fault.status);
  return answer(envelope, told, error_json(envelope, told, request_id), request_id);
}

void add_rate_limit(http::Headers& headers, Envelope envelope, const tenant::RateState& rate, Timestamp now) {
  const char* const what = rate.cause == Cause::tpm ? "tokens" : "requests";
  const std::string limit = fmt::format("{}", rate.limit);
  const std::string remaining = fmt::format("{}", rate.remaining);
  constexpr std::size_t whole_seconds = std::string_view("2026-11-21T09:30:00").size();
  if (envelope == Envelope::messages) {
    const Timestamp reset{now.micros + rate.reset_s * micros_per_second};
    headers.push_back({fmt::format("anthropic-ratelimit-{}-limit", what), limit});
    headers.push_back({fmt::format("anthropic-ratelimit-{}-remaining", what), remaining});
    headers.push_back(
        {fmt::format("anthropic-ratelimit-{}-reset", what), rfc3339(reset).substr(0, whole_seconds) + "Z"});
    return;
  }
  headers.push_back({fmt::format("x-ratelimit-limit-{}", what), limit});
  headers.push_back({fmt::format("x-ratelimit-remaining-{}", what), remaining});
  headers.push_back({fmt::format("x-ratelimit-reset-{}", what), fmt::format("{}s", rate.reset_s)});
}

std::string fault_event(Envelope envelope, const Fault& fault, const RequestId& request_id,
                        const StreamPlace& place) {
  Fault told = fault;
  switch (envelope) {
    case Envelope::chat:
      return "data: " + dumped(error_json(envelope, told, request_id)) + "\n\n";
    case Envelope::messages:
      told.type = anthropic_type(fault.status);
      return "event: error\ndata: " + dumped(error_json(envelope, told, request_id)) + "\n\n";
    case Envelope::responses:
      break;
  }
  Json id = Json::parse(place.id, nullptr, false);
  if (!id.is_string()) id = request_id.text();
  const Json event{{"type", "response.failed"},
                   {"sequence_number", place.events},
                   {"response", Json{{"id", std::move(id)},
                                     {"object", "response"},
                                     {"status", "failed"},
                                     {"model", place.model},
                                     {"error", Json{{"code", "server_error"}, {"message", fault.message}}},
                                     {"incomplete_details", nullptr},
                                     {"output", Json::array()}}}};
  return "event: response.failed\ndata: " + dumped(event) + "\n\n";
}

http::Response refusal_answer(Envelope envelope, const domain::Refusal& refusal, const RequestId& request_id,
                              Timestamp now) {
  const Row& row = table[static_cast<std::size_t>(refusal.cause)];
  const Words& words = row.in(envelope);
  const std::string command =
      row.explain_itself && !refusal.next.empty() ? refusal.next : "govctl explain " + request_id.text();
  Fault fault;
  fault.status = words.status;
  fault.type = words.type;
  fault.code = words.code;
  fault.message = fmt::format("{}; run: {}", refusal.message, command);
  fault.param = refusal.parameter;
  fault.retry = row.retry;
  Json body = error_json(envelope, fault, request_id);
  const bool money = domain::status_of(refusal.cause) == domain::CallStatus::budget_exceeded;
  if (money && envelope == Envelope::responses && refusal.resets_at) {
    body["error"]["resets_at"] = refusal.resets_at->micros / micros_per_second;
  }
  http::Response response = answer(envelope, fault, body, request_id);
  if (!money) {
    add_rate_headers(response, envelope, refusal, now);
  } else if (envelope == Envelope::responses) {
    add_codex_headers(response, refusal, now, fault.message);
  } else if (envelope == Envelope::messages && refusal.resets_at) {
    const std::int64_t wait = std::max<std::int64_t>(refusal.resets_at->micros - now.micros, 0);
    add(response, "retry-after", fmt::format("{}", wait / micros_per_second + 1));
  }
  return response;
}

}  // namespace govctl::calls
