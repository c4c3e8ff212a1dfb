// From usage to money. The figures in the golden table were worked out by hand.

#include "daemon/domain/pricing.h"

#include <catch2/catch.hpp>
#include <random>

#include "daemon/domain/settlement.h"

using namespace govctl;
using namespace govctl::domain;
using enum PriceKind;

namespace {

KindPrice price(PriceKind kind, const char* usd, std::int64_t unit = 1000) {
  return {kind, *Price::parse(usd), unit};
}

ModelPrice model(std::vector<KindPrice> prices) {
  ModelPrice row;
  row.provider = "openai";
  row.model = "gpt-4o";
  row.prices = std::move(prices);
  return row;
}

Usage usage(std::initializer_list<std::pair<PriceKind, std::int64_t>> counts) {
  Usage used;
  for (const auto& [kind, count] : counts) used[kind] = count;
  return used;
}

}  // namespace

TEST_CASE("golden: usage, cost and credits") {
  struct Golden {
    const char* name;
    ModelPrice row;
    Usage used;
    const char* usd;
    std::int64_t at_100, at_million;
  };
  const ModelPrice gpt_4o = model({price(input, "0.0025"), price(output, "0.01")});
  const ModelPrice mini = model({price(input, "0.00015"), price(output, "0.0006")});
  const ModelPrice cached =
      model({price(input, "0.0025"), price(cache_read, "0.00125"), price(output, "0.01")});
  const ModelPrice claude = model({price(input, "3", 1'000'000), price(cache_read, "0.3", 1'000'000),
                                   price(cache_write_5m, "3.75", 1'000'000),
                                   price(cache_write_1h, "6", 1'000'000), price(output, "15", 1'000'000)});
  const ModelPrice thinking = model({price(input, "0.001"), price(output, "0.004"), price(reasoning, "0.008")});
  const ModelPrice fee = model({price(input, "0"), price(output, "0"), price(request, "0.005", 1)});
  const Golden table[] = {
      {"nothing", gpt_4o, usage({}), "0", 0, 0},
      {"one token", gpt_4o, usage({{input, 1}}), "0.0000025", 1, 3},
      {"gpt-4o 1000/500", gpt_4o, usage({{input, 1000}, {output, 500}}), "0.0075", 1, 7500},
      {"gpt-4o 123456/7890", gpt_4o, usage({{input, 123'456}, {output, 7'890}}), "0.38754", 39, 387'540},
      {"mini 12/34", mini, usage({{input, 12}, {output, 34}}), "0.0000222", 1, 23},
      {"mini 17/9: one rounding, not two", mini, usage({{input, 17}, {output, 9}}), "0.00000795", 1, 8},
      {"cached as input without a price of its own", gpt_4o, usage({{input, 100}, {cache_read, 900}}), "0.0025",
       1, 2500},
      {"cached at its price, once", cached, usage({{input, 100}, {cache_read, 900}}), "0.001375", 1, 1375},
      {"cache writes", claude,
       usage({{input, 10}, {cache_read, 1000}, {cache_write_5m, 2000}, {cache_write_1h, 3000}, {output, 7}}),
       "0.025935", 3, 25'935},
      {"reasoning as output without a price of its own", mini, usage({{output, 10}, {reasoning, 90}}),
       "0.00006", 1, 60},
      {"reasoning at its price", thinking, usage({{output, 10}, {reasoning, 90}}), "0.00076", 1, 760},
      {"audio as text without prices of its own", mini, usage({{audio_in, 1000}, {audio_out, 1000}}), "0.00075",
       1, 750},
      {"fee", fee, usage({{request, 1}}), "0.005", 1, 5000},
      {"request and search without a price", gpt_4o, usage({{request, 5}, {search, 5}}), "0", 0, 0},
  };
  for (const Golden& golden : table) {
    INFO(golden.name);
    const auto cost = cost_of(golden.row, golden.used);
    REQUIRE(cost);
    CHECK(cost->usd() == golden.usd);
    CHECK(cost->credits(100)->value() == golden.at_100);
    CHECK(cost->credits(1'000'000)->value() == golden.at_million);
  }
}

TEST_CASE("a one-hour cache write without a price is charged as a five-minute one, else as input") {
  const ModelPrice both =
      model({price(input, "0.001"), price(cache_write_5m, "0.002"), price(output, "0.003")});
  CHECK(price_of(both, cache_write_1h).price.text() == "0.002");
  const ModelPrice plain = model({price(input, "0.001"), price(output, "0.003")});
  CHECK(price_of(plain, cache_write_1h).price.text() == "0.001");
  CHECK(price_of(plain, audio_out).price.text() == "0.003");
  CHECK(price_of(plain, image).price.text() == "0.001");
}

TEST_CASE("a cost out of range is none") {
  const ModelPrice row = model({price(input, "1"), price(output, "1")});
  CHECK_FALSE(cost_of(row, usage({{input, -1}})));
  CHECK_FALSE(cost_of(row, usage({{output, 1'000'000'000'001}})));
  CHECK_FALSE(worst_case(row, 1, INT64_MAX, 2));
  CHECK_FALSE(worst_case(row, 1'000'000'000'001, 1, 1));
}

TEST_CASE("a price is found by the exact name, then without its date") {
  std::vector<ModelPrice> rows;
  for (const char* name : {"gpt-4o", "gpt-4o-2024-05-13", "gpt-4", "claude-3-5-sonnet", "o1"}) {
    rows.push_back(model({price(input, "1")}));
    rows.back().model = name;
  }
  rows.push_back(model({price(input, "1")}));
  rows.back().provider = "azure";
  rows.back().model = "gpt-5";
  const auto found = [&](const char* name) -> std::string {
    const ModelPrice* row = find_price(rows, "openai", name);
    return row == nullptr ? "none" : row->model;
  };
  CHECK(found("gpt-4o") == "gpt-4o");
  CHECK(found("gpt-4o-2024-05-13") == "gpt-4o-2024-05-13");
  CHECK(found("gpt-4o-2024-08-06") == "gpt-4o");
  CHECK(found("gpt-4-0613") == "gpt-4");
  CHECK(found("claude-3-5-sonnet-20241022") == "claude-3-5-sonnet");
  CHECK(found("o1-2024-12-17") == "o1");
  CHECK(found("gpt-4o-mini") == "none");
  CHECK(found("gpt-5") == "none");
  CHECK(found("GPT-4o") == "none");
  CHECK(found("gpt-4o-2024-08-06-2024-08-06") == "none");
  CHECK(without_date("-2024-08-06") == "-2024-08-06");
  CHECK(without_date("-0613") == "-0613");
  CHECK(without_date("model-123") == "model-123");
  CHECK(without_date("") == "");
}

TEST_CASE("the worst case is by the dearest kinds, with the fee and every choice") {
  const ModelPrice row =
      model({price(input, "0.001"), price(cache_read, "0.0001"), price(cache_write_1h, "0.002"),
             price(output, "0.004"), price(reasoning, "0.005"), price(request, "0.01", 1)});
  // 1000 x 0.002 / 1000 + 3 x 100 x 0.005 / 1000 + 0.01
  CHECK(worst_case(row, 1000, 100, 3)->usd() == "0.0135");
  // Units differ: 2 USD a million is less than 0.003 a thousand.
  const ModelPrice mixed =
      model({price(input, "2", 1'000'000), price(cache_write_5m, "0.003"), price(output, "0")});
  CHECK(worst_case(mixed, 1000, 0, 1)->usd() == "0.003");
}

TEST_CASE("no usage within its bounds costs more than the worst case") {
  std::mt19937_64 random(20260727);
  const auto below = [&](std::int64_t bound) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(bound));
  };
  constexpr PriceKind in_kinds[] = {input, cache_read, cache_write_5m, cache_write_1h, audio_in, image};
  constexpr PriceKind out_kinds[] = {output, reasoning, audio_out};
  constexpr std::int64_t units[] = {1, 1000, 1'000'000};
  for (int i = 0; i < 100'000; ++i) {
    std::vector<KindPrice> prices;
    for (std::size_t kind = 0; kind < price_kind_count; ++kind) {
      if (static_cast<PriceKind>(kind) == search) continue;
      if (kind != 0 && below(2) == 0) continue;
      prices.push_back({static_cast<PriceKind>(kind), Price::of_e8(below(1'000'000)), units[below(3)]});
    }
    const ModelPrice row = model(std::move(prices));
    const std::int64_t input_bound = below(5'000);
    const std::int64_t output_bound = below(2'000);
    const std::int64_t choices = 1 + below(4);
    Usage used;
    std::int64_t in_left = input_bound;
    for (int j = 0; j < 3; ++j) {
      const std::int64_t take = below(in_left + 1);
      used[in_kinds[below(6)]] += take;
      in_left -= take;
    }
    std::int64_t out_left = output_bound * choices;
    for (int j = 0; j < 3; ++j) {
      const std::int64_t take = below(out_left + 1);
      used[out_kinds[below(3)]] += take;
      out_left -= take;
    }
    used[request] = below(2);
    const auto cost = cost_of(row, used);
    const auto worst = worst_case(row, input_bound, output_bound, choices);
    REQUIRE(cost);
    REQUIRE(worst);
    REQUIRE(*cost <= *worst);
    REQUIRE(*cost->credits(1'000) <= *worst->credits(1'000));
  }
}

// --- what a call that is over is charged
// ---------------------------------------------------------------------------

namespace {

struct Ended {
  ModelPrice row = model({price(input, "0.001"), price(output, "0.002")});
  Ask ask;
  Outcome outcome;
  Credits reserved = Credits::of(1'000);
  Ended() {
    ask.text_bytes = 400;
    outcome.sent = true;
  }
  [[nodiscard]] Charge charge() const { return charge_of(outcome, ask, row, 1'000'000, reserved); }
};

}  // namespace

TEST_CASE("what was never sent, or refused by the upstream, costs nothing") {
  Ended call;
  call.outcome.sent = false;
  CHECK(call.charge().credits.value() == 0);
  call.outcome.sent = true;
  call.outcome.upstream_refused = true;
  CHECK(call.charge().credits.value() == 0);
  CHECK(call.charge().cost.usd() == "0");
  CHECK(call.charge().flags.text().empty());
}

TEST_CASE("reported usage is charged exactly") {
  Ended call;
  call.outcome.usage = usage({{input, 100}, {output, 50}});
  CHECK(call.charge().credits.value() == 200);
  CHECK(call.charge().cost.usd() == "0.0002");
  CHECK(call.charge().flags.text().empty());
  call.outcome.relayed_bytes = 1'000'000;  // what was counted in passing does not matter then
  CHECK(call.charge().credits.value() == 200);
}

TEST_CASE("explicit zero usage is zero, not missing") {
  Ended call;
  call.outcome.usage = Usage{};
  CHECK(call.charge().credits.value() == 0);
  CHECK_FALSE(call.charge().flags.has(CallFlag::estimated));
}

TEST_CASE("usage above the hold is charged exactly and flagged") {
  Ended call;
  call.outcome.usage = usage({{input, 1'000}, {output, 1}});
  CHECK(call.charge().credits.value() == 1'002);
  CHECK(call.charge().flags.text() == "over_hold");
  call.outcome.usage = usage({{input, 1'000}});
  CHECK(call.charge().credits.value() == 1'000);
  CHECK_FALSE(call.charge().flags.has(CallFlag::over_hold));
}

TEST_CASE("absurd usage is charged at the hold and flagged") {
  Ended call;
  call.outcome.usage_absurd = true;
  CHECK(call.charge().credits.value() == 1'000);
  CHECK(call.charge().flags.has(CallFlag::absurd_usage));
  CHECK(call.charge().flags.has(CallFlag::estimated));
  call.outcome.usage_absurd = false;
  call.outcome.usage = usage({{input, -5}});
  CHECK(call.charge().credits.value() == 1'000);
  CHECK(call.charge().flags.has(CallFlag::absurd_usage));
}

TEST_CASE("without usage the input estimate and what was relayed are charged, flagged") {
  Ended call;
  CHECK(call.charge().credits.value() == 100);  // 400 bytes: 100 tokens at 1
  CHECK(call.charge().flags.text() == "estimated");
  call.outcome.relayed_bytes = 41;
  CHECK(call.charge().credits.value() == 100 + 22);  // 11 tokens at 2
  call.ask.media_tokens = 10;
  CHECK(call.charge().credits.value() == 110 + 22);
}

TEST_CASE("an estimate is never above the hold") {
  Ended call;
  call.outcome.relayed_bytes = 40'000;
  CHECK(call.charge().credits.value() == 1'000);
  CHECK(call.charge().flags.has(CallFlag::estimated));
}

TEST_CASE("where a model thinks unseen, only the hold is safe") {
  Ended call;
  call.outcome.hidden_reasoning = true;
  CHECK(call.charge().credits.value() == 1'000);
  CHECK(call.charge().cost.usd() == "0.001");
  CHECK(call.charge().flags.text() == "estimated");
  call.outcome.usage = usage({{output, 50}});
  CHECK(call.charge().credits.value() == 100);
}

TEST_CASE("a fee per request is charged once the request was made") {
  Ended call;
  call.row.prices.push_back(price(request, "0.0005", 1));
  call.outcome.usage = usage({{input, 100}});
  CHECK(call.charge().credits.value() == 600);
  CHECK(call.charge().usage[request] == 1);
  call.outcome.usage.reset();
  CHECK(call.charge().credits.value() == 600);
  call.outcome.upstream_refused = true;
  CHECK(call.charge().credits.value() == 0);
}
