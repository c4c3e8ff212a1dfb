#include "daemon/domain/admission.h"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/domain/growth.h"

namespace govctl::domain {
namespace {

struct CauseFacts {
  Cause cause;
  std::string_view word;
  CallStatus status;
};
constexpr std::array causes{
    CauseFacts{Cause::bad_request, "bad_request", CallStatus::policy_blocked},
    CauseFacts{Cause::unknown_provider, "unknown_provider", CallStatus::policy_blocked},
    CauseFacts{Cause::no_price, "no_price", CallStatus::policy_blocked},
    CauseFacts{Cause::no_credential, "no_credential", CallStatus::policy_blocked},
    CauseFacts{Cause::inactive, "inactive", CallStatus::policy_blocked},
    CauseFacts{Cause::frozen, "frozen", CallStatus::policy_blocked},
    CauseFacts{Cause::model_denied, "model_denied", CallStatus::policy_blocked},
    CauseFacts{Cause::provider_denied, "provider_denied", CallStatus::policy_blocked},
    CauseFacts{Cause::input_tokens, "input_tokens", CallStatus::policy_blocked},
    CauseFacts{Cause::output_tokens, "output_tokens", CallStatus::policy_blocked},
    CauseFacts{Cause::costly_feature, "costly_feature", CallStatus::policy_blocked},
    CauseFacts{Cause::rpm, "rate_limit_rpm", CallStatus::policy_blocked},
    CauseFacts{Cause::tpm, "rate_limit_tpm", CallStatus::policy_blocked},
    CauseFacts{Cause::parallel, "rate_limit_parallel", CallStatus::policy_blocked},
    CauseFacts{Cause::credits, "insufficient_credits", CallStatus::budget_exceeded},
    CauseFacts{Cause::budget, "budget_exceeded", CallStatus::budget_exceeded},
    CauseFacts{Cause::key_limit, "key_limit", CallStatus::budget_exceeded},
    CauseFacts{Cause::idempotency_in_progress, "idempotency_in_progress", CallStatus::policy_blocked},
    CauseFacts{Cause::idempotency_conflict, "idempotency_conflict", CallStatus::policy_blocked},
    CauseFacts{Cause::idempotency_mismatch, "idempotency_mismatch", CallStatus::policy_blocked},
    CauseFacts{Cause::unavailable, "unavailable", CallStatus::error},
};
constexpr bool causes_in_order() {
  for (std::size_t i = 0; i < causes.size(); ++i) {
    if (static_cast<std::size_t>(causes[i].cause) != i) return false;
  }
  return true;
}
static_assert(causes_in_order() && causes.size() == cause_count, "the table is indexed by Cause");

std::string number(std::int64_t value) { return fmt::format("{}", value); }

// The most output for each choice whose hold fits `room`, at least `floor`; -1 when not even that fits.
std::int64_t fitting_output(const Demand& demand, std::int64_t room) {
  const auto fits = [&](std::int64_t output) {
    const auto hold = demand.hold(output);
    return hold && hold->value() <= room;
  };
  if (demand.output_tokens <= demand.clamp_floor || !fits(demand.clamp_floor)) return -1;
  std::int64_t low = demand.clamp_floor;
  std::int64_t high = demand.output_tokens;
  while (low < high) {
    const std::int64_t middle = low + (high - low + 1) / 2;
    if (fits(middle)) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

}  // namespace

std::string_view cause_word(Cause cause) { return causes[static_cast<std::size_t>(cause)].word; }
CallStatus status_of(Cause cause) { return causes[static_cast<std::size_t>(cause)].status; }

void Demand::cover(const Demand& other) {
  if (bounds.empty()) bounds.push_back({price, input_tokens, output_tokens});
  bounds.push_back({other.price, other.input_tokens, other.output_tokens});
  input_tokens = std::max(input_tokens, other.input_tokens);
  output_tokens = std::max(output_tokens, other.output_tokens);
  rate_tokens = std::max(rate_tokens, other.rate_tokens);
}

std::optional<Credits> Demand::hold(std::int64_t output) const {
  const auto credits = [&](const ModelPrice& row, std::int64_t in, std::int64_t out) {
    const auto cost = worst_case(row, in, out, choices);
    return cost ? cost->credits(credits_per_usd) : std::nullopt;
  };
  if (bounds.empty()) return credits(*price, input_tokens, output);
  std::optional<Credits> dearest;
  for (const Bound& bound : bounds) {
    const auto one = credits(*bound.price, bound.input_tokens, std::min(output, bound.output_tokens));
    if (!one) return std::nullopt;
    if (!dearest || *one > *dearest) dearest = one;
  }
  return dearest;
}

Credits Demand::need() const { return *hold(std::min(output_tokens, first_output.value_or(output_tokens))); }

std::expected<Demand, Refusal> check_rules(const Rules& rules, const Ask& ask, std::string_view provider,
                                           std::string_view upstream_model, const ModelPrice& price,
                                           std::int64_t credits_per_usd) {
  const auto refuse = [](Cause cause, std::string message) {
    Refusal refusal;
    refusal.cause = cause;
    refusal.message = std::move(message);
    return std::unexpected(std::move(refusal));
  };
  if (const std::string why = model_refusal(rules, provider, upstream_model); !why.empty()) {
    auto refusal = refuse(Cause::model_denied,
                          fmt::format("model '{}' at {} is not allowed: {}", upstream_model, provider, why));
    refusal.error().provider = provider;
    refusal.error().model = upstream_model;
    return refusal;
  }
  for (const auto& feature : ask.costly) {
    const bool allowed =
        !rules.costly.empty() && std::ranges::all_of(rules.costly, [&](const SourcedGlobs& list) {
          return std::ranges::find(list.globs, feature) != list.globs.end();
        });
    if (!allowed) {
      auto refusal =
          refuse(Cause::costly_feature,
                 fmt::format("the request uses '{}', which costs extra and no policy allows", feature));
      refusal.error().parameter = feature;
      return refusal;
    }
  }

  Demand demand;
  demand.price = &price;
  demand.credits_per_usd = credits_per_usd;
  demand.choices = ask.choices;
  // A byte-level tokenizer never makes more tokens than bytes.
  const std::int64_t estimate = estimated_tokens(ask.text_bytes) + ask.media_tokens + 16;
  demand.input_tokens = rules.estimate ? estimate : ask.text_bytes + ask.media_tokens;
  if (ask.whole_context) {
    if (!price.context_window) {
      return refuse(
          Cause::input_tokens,
          fmt::format("the request refers to content outside its body, and the context window of '{}' is "
                      "not known",
                      price.model));
    }
    demand.input_tokens = std::max(demand.input_tokens, *price.context_window);
  } else if (price.context_window) {
    demand.input_tokens = std::min(demand.input_tokens, *price.context_window);
  }

  // The bound in bytes would refuse what a tokenizer counts as a quarter of it: the rule is held against the
  // estimate.
  const std::int64_t likely_input = ask.text_bytes / 4 + ask.media_tokens;
  if (rules.max_input_tokens && likely_input > rules.max_input_tokens->value) {
    auto refusal = refuse(Cause::input_tokens,
                          fmt::format("the input is about {} tokens, and policy {} allows {}", likely_input,
                                      rules.max_input_tokens->source, rules.max_input_tokens->value));
    refusal.error().limit = rules.max_input_tokens->value;
    refusal.error().needed = likely_input;
    return refusal;
  }
  if (ask.max_tokens && rules.max_output_tokens && *ask.max_tokens > rules.max_output_tokens->value) {
    auto refusal =
        refuse(Cause::output_tokens,
               fmt::format("the request asks for up to {} output tokens, and policy {} allows {}",
                           *ask.max_tokens, rules.max_output_tokens->source, rules.max_output_tokens->value));
    refusal.error().limit = rules.max_output_tokens->value;
    refusal.error().needed = ask.max_tokens;
    return refusal;
  }
  std::optional<std::int64_t> output = ask.max_tokens;
  if (!output && rules.max_output_tokens) output = rules.max_output_tokens->value;
  if (price.max_output_tokens && (!output || *output > *price.max_output_tokens))
    output = price.max_output_tokens;
  if (ask.no_output) output = 0;
  if (!output) {
    auto refusal =
        refuse(Cause::output_tokens,
               fmt::format("the largest answer of '{}' is not known: set max_tokens in the request or in a "
                           "policy",
                           price.model));
    refusal.error().parameter = "max_tokens";
    return refusal;
  }
  demand.output_tokens = *output;
  if (rules.estimate && ask.watched) demand.first_output = first_output_tokens;
  demand.rate_tokens = likely_input + (ask.max_tokens ? *output * ask.choices : 0);
  demand.may_clamp = rules.clamp && !ask.no_output;
  demand.clamp_floor = std::max(demand.clamp_floor, ask.least_output_tokens);
  if (!demand.hold(demand.output_tokens)) {
    return refuse(Cause::credits, "the worst case of this call is more credits than 2^53-1");
  }
  return demand;
}

Decision decide(const Demand& demand, const RateLines& rates, const MoneyLines& money, bool last) {
  Decision decision;
  for (const RateLine& rate : rates) {
    if (rate.used + rate.adds > rate.limit) {
      decision.kind = Decision::Kind::refuse_rate;
      decision.rate = &rate;
      return decision;
    }
  }
  const Credits need = demand.need();
  decision.needed = need;
  decision.hold = need;
  decision.output_tokens = demand.output_tokens;

  const MoneyLine* blocked = nullptr;  // no room now
  const MoneyLine* spent = nullptr;    // no room even when all calls in flight turn out to cost nothing
  std::int64_t room = max_balance;
  std::int64_t room_when_settled = max_balance;
  for (const MoneyLine& line : money) {
    room = std::min(room, line.room());
    room_when_settled = std::min(room_when_settled, line.room_when_settled());
    if (line.room() < need.value() && blocked == nullptr) blocked = &line;
    if (line.room_when_settled() < need.value() && spent == nullptr) spent = &line;
  }
  if (blocked == nullptr) return decision;

  decision.money = spent != nullptr ? spent : blocked;
  if (spent == nullptr && !last) {
    decision.kind = Decision::Kind::wait;
    return decision;
  }
  if (demand.may_clamp) {
    if (const std::int64_t output = fitting_output(demand, room); output >= 0) {
      decision.output_tokens = output;
      decision.hold = *demand.hold(output);
      decision.clamped = true;
      return decision;
    }
    if (!last && fitting_output(demand, room_when_settled) >= 0) {
      decision.kind = Decision::Kind::wait;
      return decision;
    }
  }
  decision.kind = Decision::Kind::refuse_money;
  return decision;
}

Refusal rate_refusal(const RateLine& line, std::string_view path) {
  Refusal refusal;
  refusal.cause = line.cause;
  refusal.path = path;
  refusal.limit = line.limit;
  refusal.spent = line.used;
  refusal.needed = line.adds;
  refusal.retry_after_s = std::clamp<std::int64_t>(line.retry_after_s, 1, 60);
  const char* const what = line.cause == Cause::rpm   ? "calls a minute"
                           : line.cause == Cause::tpm ? "tokens a minute"
                                                      : "calls at once";
  refusal.message = fmt::format("{} allows {} {}, and {} are used; try again in {} s", path, number(line.limit),
                                what, number(line.used), *refusal.retry_after_s);
  return refusal;
}

Refusal money_refusal(const MoneyLine& line, Credits needed, std::string_view path, Timestamp now) {
  Refusal refusal;
  refusal.cause = line.cause;
  refusal.path = path;
  refusal.limit = line.limit;
  refusal.spent = line.spent;
  refusal.held = line.held;
  refusal.needed = needed.value();
  if (line.cause == Cause::credits) {
    refusal.message = fmt::format(
        "the balance of {} does not cover this call: it needs up to {} credits, {} are left "
        "and {} of them are held by calls in flight",
        path, needed.value(), line.limit, line.held);
    refusal.next = fmt::format("govctl ledger purchase {} N", path);
    return refusal;
  }
  const std::string what = line.cause == Cause::key_limit
                               ? fmt::format("the limit of this key of {}", path)
                               : fmt::format("the {} budget of {}", period_word(line.period), path);
  refusal.message =
      fmt::format("{} does not cover this call: it needs up to {} credits; limit {}, spent {}, held {}", what,
                  needed.value(), line.limit, line.spent, line.held);
  if (line.cause == Cause::budget) {
    refusal.period = line.period;
    refusal.resets_at = period_end(line.period, now);
    if (refusal.resets_at) {
      refusal.message += fmt::format("; it resets at {}", rfc3339(*refusal.resets_at).substr(0, 19) + "Z");
    }
  }
  return refusal;
}

}  // namespace govctl::domain
