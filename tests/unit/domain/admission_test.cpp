#include "daemon/domain/admission.h"

#include <catch2/catch.hpp>

using namespace govctl;
using namespace govctl::domain;

namespace {

// One credit an input token, two an output token, at a million credits a USD.
ModelPrice some_price() {
  ModelPrice row;
  row.provider = "mock";
  row.model = "mock-model";
  row.prices = {{PriceKind::input, *Price::parse("0.001"), 1000},
                {PriceKind::output, *Price::parse("0.002"), 1000}};
  return row;
}

struct Rig {
  ModelPrice price = some_price();
  Demand demand;
  RateLines rates;
  MoneyLines money;
  explicit Rig(std::int64_t input = 100, std::int64_t output = 1000) {
    demand.price = &price;
    demand.credits_per_usd = 1'000'000;
    demand.input_tokens = input;
    demand.output_tokens = output;
    demand.may_clamp = true;
  }
  void line(std::int64_t limit, std::int64_t spent, std::int64_t held, Cause cause = Cause::budget) {
    MoneyLine line;
    line.cause = cause;
    line.limit = limit;
    line.spent = spent;
    line.held = held;
    line.meter = money.size + 1;
    money.add(line);
  }
  [[nodiscard]] Decision decision(bool last = false) const { return decide(demand, rates, money, last); }
};

using Kind = Decision::Kind;

Ask some_ask() {
  Ask ask;
  ask.model = "mock-model";
  ask.text_bytes = 400;
  ask.max_tokens = 1000;
  return ask;
}

std::expected<Demand, Refusal> check(const Rules& rules, const Ask& ask, const ModelPrice& price) {
  return check_rules(rules, ask, "mock", "mock-model", price, 1'000'000);
}

}  // namespace

// --- money: the call needs 100 + 2 x 1000 = 2100
// -----------------------------------------------------------------------

TEST_CASE("a call goes when every line has room to the last credit") {
  Rig rig;
  rig.line(2100, 0, 0);
  rig.line(5000, 1000, 1900);
  const Decision decision = rig.decision();
  CHECK(decision.kind == Kind::admit);
  CHECK(decision.hold.value() == 2100);
  CHECK(decision.output_tokens == 1000);
  CHECK_FALSE(decision.clamped);
}

TEST_CASE("a call without any line of money goes") { CHECK(Rig().decision().kind == Kind::admit); }

TEST_CASE("one credit too few, held by calls in flight, waits") {
  Rig rig;
  rig.line(5000, 1000, 1901);
  rig.line(9000, 0, 0);
  const Decision decision = rig.decision();
  CHECK(decision.kind == Kind::wait);
  REQUIRE(decision.money != nullptr);
  CHECK(decision.money->meter == 1);
}

TEST_CASE("the last time, it is clamped to what fits, or refused") {
  Rig rig;
  rig.line(5000, 1000, 1901);
  const Decision clamped = rig.decision(true);
  CHECK(clamped.kind == Kind::admit);
  CHECK(clamped.clamped);
  CHECK(clamped.output_tokens == 999);
  CHECK(clamped.hold.value() == 2098);
  rig.demand.may_clamp = false;
  const Decision refused = rig.decision(true);
  CHECK(refused.kind == Kind::refuse_money);
  CHECK(refused.money->meter == 1);
  CHECK(refused.needed.value() == 2100);
}

TEST_CASE("what can never fit is refused at once where it may not be clamped") {
  Rig rig;
  rig.demand.may_clamp = false;
  rig.line(9000, 0, 0);
  rig.line(5000, 2901, 0);
  const Decision decision = rig.decision();
  CHECK(decision.kind == Kind::refuse_money);
  CHECK(decision.money->meter == 2);
}

TEST_CASE("a refusal names the line that is spent, not the one that is only held") {
  Rig rig;
  rig.demand.may_clamp = false;
  rig.line(2100, 0, 1);
  rig.line(2099, 0, 0);
  const Decision decision = rig.decision();
  CHECK(decision.kind == Kind::refuse_money);
  CHECK(decision.money->meter == 2);
}

TEST_CASE("what can never fit whole is clamped at once to the narrowest line") {
  Rig rig;
  rig.line(1500, 0, 0);
  rig.line(1400, 100, 100);
  const Decision decision = rig.decision();
  CHECK(decision.kind == Kind::admit);
  CHECK(decision.clamped);
  CHECK(decision.output_tokens == 550);  // 100 + 2 x 550 = 1200
  CHECK(decision.hold.value() == 1200);
}

TEST_CASE("a clamp never goes below its floor") {
  Rig rig;
  rig.line(100 + 2 * 256, 0, 0);
  CHECK(rig.decision().kind == Kind::admit);
  CHECK(rig.decision().output_tokens == 256);
  Rig poorer;
  poorer.line(100 + 2 * 256 - 1, 0, 0);
  CHECK(poorer.decision().kind == Kind::refuse_money);
  Rig small(100, 256);  // asks for no more than the floor: nothing to lower
  small.line(611, 0, 0);
  CHECK(small.decision().kind == Kind::refuse_money);
}

TEST_CASE("a clamp that would fit once calls in flight have settled waits for them") {
  Rig rig;
  rig.line(1500, 0, 1000);
  CHECK(rig.decision().kind == Kind::wait);
  CHECK(rig.decision(true).kind == Kind::refuse_money);
}

TEST_CASE("an overspent line has no room, and does not wrap") {
  Rig rig;
  rig.line(100, 9'000'000'000'000'000, 9'000'000'000'000'000);
  CHECK(rig.decision().kind == Kind::refuse_money);
  rig.money.size = 0;
  rig.line(-500, 0, 0, Cause::credits);
  CHECK(rig.decision().kind == Kind::refuse_money);
}

TEST_CASE("every choice is held") {
  Rig rig(100, 300);
  rig.demand.choices = 4;
  rig.line(100 + 2 * 300 * 4, 0, 0);
  CHECK(rig.decision().hold.value() == 2500);
  Rig poorer(100, 300);
  poorer.demand.choices = 4;
  poorer.demand.may_clamp = false;
  poorer.line(2499, 0, 0);
  CHECK(poorer.decision().kind == Kind::refuse_money);
}

// --- rates
// ---------------------------------------------------------------------------------------------------------------

TEST_CASE("a rate admits up to its limit and not one more") {
  Rig rig;
  RateLine line;
  line.limit = 10;
  line.used = 9;
  rig.rates.add(line);
  CHECK(rig.decision().kind == Kind::admit);
  rig.rates.items[0].used = 10;
  const Decision decision = rig.decision();
  CHECK(decision.kind == Kind::refuse_rate);
  CHECK(decision.rate->limit == 10);
  rig.rates.items[0] = RateLine{Cause::tpm, Level::key, 1000, 900, 100, 1};
  CHECK(rig.decision().kind == Kind::admit);
  rig.rates.items[0].adds = 101;
  CHECK(rig.decision().kind == Kind::refuse_rate);
}

TEST_CASE("a rate limit's refusal says when to come again, within a minute") {
  const Refusal refusal = rate_refusal({Cause::rpm, Level::org, 10, 10, 1, 0}, "acme");
  CHECK(refusal.retry_after_s == 1);
  CHECK(refusal.message == "acme allows 10 calls a minute, and 10 are used; try again in 1 s");
  CHECK(rate_refusal({Cause::tpm, Level::org, 10, 10, 1, 999}, "acme").retry_after_s == 60);
  CHECK(rate_refusal({Cause::parallel, Level::org, 2, 2, 1, 1}, "acme").message ==
        "acme allows 2 calls at once, and 2 are used; try again in 1 s");
}

// --- rules
// -----------------------------------------------------------------------------------------------------------------

TEST_CASE("the worst case: a token for each byte, and the largest answer") {
  const ModelPrice price = some_price();
  const auto demand = check({}, some_ask(), price);
  REQUIRE(demand);
  CHECK(demand->input_tokens == 400);
  CHECK(demand->output_tokens == 1000);
  CHECK(demand->hold(1000)->value() == 2400);
}

TEST_CASE(
    "the largest answer is the request's, else the policy's, else the model's, and never more than the "
    "model's") {
  ModelPrice price = some_price();
  Ask ask = some_ask();
  ask.max_tokens.reset();
  auto unknown = check({}, ask, price);
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().cause == Cause::output_tokens);
  CHECK(unknown.error().parameter == "max_tokens");
  price.max_output_tokens = 500;
  CHECK(check({}, ask, price)->output_tokens == 500);
  Rules rules;
  rules.max_output_tokens = Sourced{300, "acme: default"};
  CHECK(check(rules, ask, price)->output_tokens == 300);
  ask.max_tokens = 200;
  CHECK(check(rules, ask, price)->output_tokens == 200);
  rules.max_output_tokens->value = 900;
  ask.max_tokens.reset();
  CHECK(check(rules, ask, price)->output_tokens == 500);
  ask.max_tokens = 800;
  CHECK(check(rules, ask, price)->output_tokens == 500);
}

TEST_CASE("asking for more than a policy allows is refused, exactly at the border") {
  const ModelPrice price = some_price();
  Rules rules;
  rules.max_output_tokens = Sourced{1000, "acme: default"};
  rules.max_input_tokens = Sourced{100, "acme: default"};
  CHECK(check(rules, some_ask(), price));
  Ask more = some_ask();
  more.max_tokens = 1001;
  CHECK(check(rules, more, price).error().cause == Cause::output_tokens);
  Ask longer = some_ask();
  longer.text_bytes = 404;
  const auto refused = check(rules, longer, price);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().cause == Cause::input_tokens);
  CHECK(refused.error().limit == 100);
  CHECK(refused.error().needed == 101);
}

TEST_CASE("content outside the body is held at the context window, which must be known") {
  ModelPrice price = some_price();
  Ask ask = some_ask();
  ask.whole_context = true;
  CHECK(check({}, ask, price).error().cause == Cause::input_tokens);
  price.context_window = 128'000;
  CHECK(check({}, ask, price)->input_tokens == 128'000);
  ask.whole_context = false;
  ask.text_bytes = 1'000'000;
  CHECK(check({}, ask, price)->input_tokens == 128'000);  // what does not fit is the upstream's to refuse
}

TEST_CASE("a policy may prefer the estimate: bytes / 3 and a quarter more") {
  const ModelPrice price = some_price();
  Rules rules;
  rules.estimate = true;
  Ask ask = some_ask();
  ask.text_bytes = 1200;
  CHECK(check(rules, ask, price)->input_tokens == 400 + 100 + 16);
}

TEST_CASE("max tokens are lowered to 256 at least, and never below a thinking budget") {
  const ModelPrice price = some_price();
  Ask ask = some_ask();
  CHECK(check({}, ask, price)->clamp_floor == 256);
  ask.least_output_tokens = 100;
  CHECK(check({}, ask, price)->clamp_floor == 256);
  ask.least_output_tokens = 801;
  Rig rig;
  rig.demand = *check({}, ask, price);
  rig.demand.may_clamp = true;
  rig.line(400 + 2 * 801, 0, 0);
  const Decision lowered = rig.decision(true);
  CHECK(lowered.kind == Kind::admit);
  CHECK(lowered.output_tokens == 801);
  Rig short_of_one;
  short_of_one.demand = rig.demand;
  short_of_one.line(400 + 2 * 801 - 1, 0, 0);
  CHECK(short_of_one.decision(true).kind == Kind::refuse_money);
}

TEST_CASE("a costly feature needs every policy that speaks of them, and one at least") {
  const ModelPrice price = some_price();
  Ask ask = some_ask();
  ask.costly = {"web_search_options"};
  Rules rules;
  auto refused = check(rules, ask, price);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().cause == Cause::costly_feature);
  CHECK(refused.error().parameter == "web_search_options");
  rules.costly = {{{"web_search_options", "audio"}, "acme: a"}};
  CHECK(check(rules, ask, price));
  rules.costly.push_back({{"audio"}, "acme/x: b"});
  CHECK_FALSE(check(rules, ask, price));
}

TEST_CASE("a model that no policy allows is refused before money is looked at") {
  const ModelPrice price = some_price();
  Rules rules;
  rules.allow_models = {{{"gpt-*"}, "acme: default"}};
  const auto refused = check(rules, some_ask(), price);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().cause == Cause::model_denied);
  CHECK(refused.error().message ==
        "model 'mock-model' at mock is not allowed: policy acme: default allows gpt-* only");
}

TEST_CASE("a worst case beyond 2^53-1 credits is refused, not wrapped") {
  ModelPrice price = some_price();
  price.prices[1].price = *Price::parse("1000000");
  price.prices[1].unit = 1;
  Ask ask = some_ask();
  ask.max_tokens = 1'000'000'000;
  ask.choices = 128;
  const auto refused = check({}, ask, price);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().cause == Cause::credits);
}

// --- words
// -------------------------------------------------------------------------------------------------------------------

TEST_CASE("a refusal for money names limit, spent, held and reset") {
  const Timestamp now = *parse_rfc3339("2026-11-21T09:30:00Z");
  MoneyLine line;
  line.cause = Cause::budget;
  line.period = Period::daily;
  line.limit = 100;
  line.spent = 60;
  line.held = 30;
  const Refusal refusal = money_refusal(line, Credits::of(20), "acme/prod", now);
  CHECK(refusal.message ==
        "the DAILY budget of acme/prod does not cover this call: it needs up to 20 credits; limit 100, spent "
        "60, held 30; "
        "it resets at 2026-11-22T00:00:00Z");
  CHECK(refusal.limit == 100);
  CHECK(refusal.spent == 60);
  CHECK(refusal.held == 30);
  CHECK(refusal.needed == 20);
  CHECK(refusal.resets_at == parse_rfc3339("2026-11-22T00:00:00Z"));
  line.period = Period::total;
  CHECK_FALSE(money_refusal(line, Credits::of(20), "acme/prod", now).resets_at);
  line.cause = Cause::credits;
  CHECK(money_refusal(line, Credits::of(20), "acme", now).next == "govctl ledger purchase acme N");
}

TEST_CASE("money is BUDGET_EXCEEDED, everything else POLICY_BLOCKED, but for what is ours") {
  CHECK(call_status_word(status_of(Cause::credits)) == "BUDGET_EXCEEDED");
  CHECK(call_status_word(status_of(Cause::budget)) == "BUDGET_EXCEEDED");
  CHECK(call_status_word(status_of(Cause::key_limit)) == "BUDGET_EXCEEDED");
  CHECK(call_status_word(status_of(Cause::unavailable)) == "ERROR");
  for (const Cause cause :
       {Cause::bad_request, Cause::no_price, Cause::inactive, Cause::rpm, Cause::parallel}) {
    CHECK(call_status_word(status_of(cause)) == "POLICY_BLOCKED");
  }
  CHECK(cause_word(Cause::budget) == "budget_exceeded");
}

// --- calls that generate nothing
// ---------------------------------------------------------------------------------------

TEST_CASE("a call without output needs no bound on it, and holds its input alone") {
  ModelPrice price = some_price();
  price.max_output_tokens = 8192;  // of no concern
  Ask ask = some_ask();
  ask.max_tokens = std::nullopt;
  ask.no_output = true;
  Rules rules;
  rules.clamp = true;
  rules.max_output_tokens = Sourced{500, "org"};
  for (const bool known : {true, false}) {
    if (!known) price.max_output_tokens = std::nullopt;
    const auto demand = check(rules, ask, price);
    REQUIRE(demand);
    CHECK(demand->output_tokens == 0);
    CHECK(demand->hold(0)->value() == 400);
    CHECK(demand->rate_tokens == 100);
    CHECK_FALSE(demand->may_clamp);
  }
}

TEST_CASE("a call without output is admitted to the last credit and never lowered") {
  Rig rig(400, 0);
  rig.line(400, 0, 0);
  const Decision decision = rig.decision();
  CHECK(decision.kind == Kind::admit);
  CHECK(decision.hold.value() == 400);
  CHECK(decision.output_tokens == 0);
  CHECK_FALSE(decision.clamped);
  Rig poor(400, 0);
  poor.line(399, 0, 0);
  CHECK(poor.decision().kind == Kind::refuse_money);
}

// --- several candidates

TEST_CASE("the hold covers the dearest candidate, each with its own largest answer") {
  // At 0.001 in and 0.002 out a token costs 1 and 2 credits; ten times that for the other.
  ModelPrice dear = some_price();
  dear.prices = {{PriceKind::input, *Price::parse("0.01"), 1000},
                 {PriceKind::output, *Price::parse("0.02"), 1000}};
  dear.max_output_tokens = 10;
  ModelPrice cheap = some_price();
  cheap.max_output_tokens = 1000;
  Ask ask = some_ask();
  ask.max_tokens.reset();
  auto first = check({}, ask, cheap);
  auto second = check({}, ask, dear);
  REQUIRE(first);
  REQUIRE(second);
  Demand demand = *first;
  demand.cover(*second);
  CHECK(demand.output_tokens == 1000);
  // 400 x 10 + 10 x 20 = 4200, and 400 + 1000 x 2 = 2400.
  CHECK(demand.hold(1000)->value() == 4200);
  CHECK(demand.hold(10)->value() == 4200);
  CHECK(demand.hold(5)->value() == 4100);
  Demand turned = *second;
  turned.cover(*first);
  CHECK(turned.output_tokens == 1000);
  CHECK(turned.hold(1000)->value() == 4200);
}
