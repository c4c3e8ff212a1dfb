#include "daemon/domain/settlement.h"

#include <algorithm>

namespace govctl::domain {
namespace {

// A model that has a fee for each request charges it once the request was made.
void add_fee(const ModelPrice& price, Usage& usage) {
  if (std::ranges::find(price.prices, PriceKind::request, &KindPrice::kind) != price.prices.end()) {
    usage[PriceKind::request] = 1;
  }
}

Usage estimate(const Outcome& outcome, const Ask& ask, const ModelPrice& price) {
  Usage usage;
  usage[PriceKind::input] = (ask.text_bytes + 3) / 4 + ask.media_tokens;
  usage[PriceKind::output] = (outcome.relayed_bytes + 3) / 4;
  add_fee(price, usage);
  return usage;
}

}  // namespace

Charge charge_of(const Outcome& outcome, const Ask& ask, const ModelPrice& price, std::int64_t credits_per_usd,
                 Credits reserved) {
  Charge charge;
  if (!outcome.sent || outcome.upstream_refused) return charge;

  const auto charge_hold = [&] {
    charge.usage = estimate(outcome, ask, price);
    charge.cost = Cost::of_credits(reserved, credits_per_usd);
    charge.credits = reserved;
    charge.flags.set(CallFlag::estimated);
    return charge;
  };
  if (outcome.usage_absurd) {
    charge.flags.set(CallFlag::absurd_usage);
    return charge_hold();
  }
  if (outcome.usage) {
    if (outcome.usage_estimated && outcome.hidden_reasoning) return charge_hold();
    if (outcome.usage_estimated) charge.flags.set(CallFlag::estimated);
    Usage used = *outcome.usage;
    add_fee(price, used);
    const auto cost = cost_of(price, used);
    const auto credits = cost ? cost->credits(credits_per_usd) : std::nullopt;
    if (!credits) {
      charge.flags.set(CallFlag::absurd_usage);
      return charge_hold();
    }
    charge.usage = used;
    charge.cost = *cost;
    charge.credits = *credits;
    if (*credits > reserved) charge.flags.set(CallFlag::over_hold);
    return charge;
  }
  if (outcome.hidden_reasoning) return charge_hold();
  const Usage used = estimate(outcome, ask, price);
  const auto cost = cost_of(price, used);
  const auto credits = cost ? cost->credits(credits_per_usd) : std::nullopt;
  if (!credits || *credits > reserved) return charge_hold();
  charge.usage = used;
  charge.cost = *cost;
  charge.credits = *credits;
  charge.flags.set(CallFlag::estimated);
  return charge;
}

}  // namespace govctl::domain
