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
