#include "daemon/tenant/decision.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace govctl;
using namespace govctl::tenant;

TEST_CASE("a usage event keeps the figures its refusal rests on") {
  domain::Refusal refusal;
  CHECK(decision_json(refusal).empty());
  refusal.path = "acme/prod";
  refusal.limit = 100;
  refusal.spent = 60;
  refusal.held = 30;
  refusal.needed = 20;
  refusal.resets_at = parse_rfc3339("2026-11-22T00:00:00Z");
  CHECK(nlohmann::json::parse(decision_json(refusal)) ==
        nlohmann::json{{"path", "acme/prod"},
                       {"limit", 100},
                       {"spent", 60},
                       {"held", 30},
                       {"needed", 20},
                       {"resets_at", "2026-11-22T00:00:00.000000Z"}});
}

TEST_CASE("the figures of a refusal are JSON whatever bytes they hold") {
  domain::Refusal refusal;
  refusal.next = "govctl pricing set openai \xff\xc3";
  CHECK(nlohmann::json::accept(decision_json(refusal)));
}

TEST_CASE("what was recorded of a decision is read back") {
  domain::Refusal refusal;
  refusal.cause = domain::Cause::budget;
  refusal.path = "acme/prod";
  refusal.needed = 20;
  refusal.period = domain::Period::daily;
  refusal.provider = "openai";
  refusal.model = "gpt-4o";
  domain::MoneyLine line;
  line.cause = domain::Cause::budget;
  line.level = Level::workspace;
  line.period = domain::Period::daily;
  line.limit = 100;
  line.spent = 60;
  line.held = 30;
  refusal.money = {domain::MoneyLine{}, line};
  domain::RateLine rate;
  rate.cause = domain::Cause::tpm;
  rate.limit = 1000;
  rate.used = 900;
  rate.adds = 200;
  refusal.rates = {rate};
  const auto read = parse_decision(decision_json(refusal));
  CHECK(read.path == "acme/prod");
  CHECK(read.needed == 20);
  CHECK(read.period == domain::Period::daily);
  CHECK(read.model == "gpt-4o");
  REQUIRE(read.money.size() == 2);
  CHECK(read.money[0].cause == domain::Cause::credits);
  CHECK(read.money[1].level == Level::workspace);
  CHECK(read.money[1].room() == 10);
  REQUIRE(read.rates.size() == 1);
  CHECK(read.rates[0].cause == domain::Cause::tpm);
  CHECK(read.rates[0].adds == 200);

  CHECK(decision_json(std::vector{line}) == R"({"money":[["workspace","DAILY",100,60,30]]})");
  CHECK(decision_json(std::vector<domain::MoneyLine>{}).empty());
  CHECK(parse_decision("not JSON").money.empty());
  CHECK(parse_decision(R"({"money":[[1]]})").money.empty());
}
