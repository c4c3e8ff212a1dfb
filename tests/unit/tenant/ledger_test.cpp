// What outlives a call: periods, refunds, restarts.

#include "world.h"

using namespace govctl;
using namespace govctl::tenant;
using namespace govctl::tenant::test;
using domain::Cause;
using domain::Period;

namespace {

store::Work reservation_of(World& world, const RequestId& id, std::int64_t credits, bool stream) {
  domain::Reservation row;
  row.request_id = id;
  row.scope = world.tenant->snapshot()->scope(*world.facts(world.agent, {}).caller.key);
  row.dialect = "chat";
  row.provider = "mock";
  row.model = "mock-unit";
  row.price_model = "mock-unit";
  row.price_version = 1;
  row.credits_per_usd = 1'000'000;
  row.stream = stream;
  row.reserved = Credits::of(credits);
  row.created_at = world.clock.now();
  return [row](store::Transaction& tx) { return store::insert_reservation(tx, row); };
}

}  // namespace

TEST_CASE("what a crash left open is settled once, at the hold, flagged") {
  World world(Credits::of(0));
  world.add_budget(Level::agent, Period::daily, 10'000);
  REQUIRE(world.append(5'000, "buy"));
  world.call({10, 0});
  const auto plain = RequestId::mint(1);
  const auto streamed = RequestId::mint(1);
  REQUIRE(world.writers->run(world.tenant->file(), reservation_of(world, plain, 300, false)));
  REQUIRE(world.writers->run(world.tenant->file(), reservation_of(world, streamed, 400, true)));
  for (int starts = 0; starts < 3; ++starts) {
    world.restart();
    CHECK(world.number("SELECT count(*) FROM reservations") == 0);
    CHECK(world.number("SELECT count(*) FROM usage_events") == 3);
    CHECK(world.tenant->balance().balance.value() == 5'000 - 10 - 700);
    CHECK(world.tenant->balance().reserved.value() == 0);
    CHECK(world.spend(Level::agent).day.value() == 710);
  }
  CHECK(world.number(
            "SELECT count(*) FROM usage_events WHERE status = 'ERROR' AND flags = 'estimated,recovered' AND "
            "error_message = 'daemon stopped while the call was in flight' AND credits_charged = reserved") ==
        2);
  CHECK(world.number("SELECT count(*) FROM usage_events WHERE completion = 'error'") == 1);
  CHECK(world.text("SELECT cost_usd FROM usage_events WHERE credits_charged = 300") == "0.0003");
  // And can be given back.
  REQUIRE(world.refund(plain, std::nullopt, "r"));
  CHECK(world.spend(Level::agent).day.value() == 410);
  world.check_settled();
}

TEST_CASE("leftovers are settled on a disk that is nearly full, too") {
  World world;
  REQUIRE(world.writers->run(world.tenant->file(), reservation_of(world, RequestId::mint(1), 300, false)));
  world.options.min_free_bytes = std::int64_t{1} << 60;
  world.stop();
  world.start();
  REQUIRE(world.tenant);
  CHECK(world.spend().total.value() == 300);
  CHECK_FALSE(world.reserve());  // but no new call goes
  world.options.min_free_bytes = 0;
  world.check_settled();
}

TEST_CASE("counters by day, month and in total are the same after a restart") {
  World world;
  const Agent other = world.add_agent("two");
  world.clock.set("2026-10-31T12:00:00Z");
  world.call({1, 0});
  world.clock.set("2026-11-01T00:00:00Z");
  world.call({10, 0});
  world.clock.set("2026-11-20T23:59:59Z");
  world.call({100, 0});
  world.clock.set("2026-11-21T00:00:00Z");
  world.call({1'000, 0});
  world.call(other, {10'000, 0});
  world.clock.set("2026-11-21T08:00:00Z");
  const Spend org = world.spend();
  CHECK(org.total.value() == 11'111);
  CHECK(org.month.value() == 11'110);
  CHECK(org.day.value() == 11'000);
  const Spend mine = world.spend(Level::agent);
  CHECK(mine.total.value() == 1'111);
  CHECK(mine.month.value() == 1'110);
  CHECK(mine.day.value() == 1'000);
  world.check_settled();
  world.clock.set("2026-12-01T00:00:00Z");
  CHECK(world.spend().month.value() == 0);
  CHECK(world.spend().day.value() == 0);
  CHECK(world.spend().total.value() == 11'111);
  world.check_settled();
}

TEST_CASE("a daily budget is new at midnight UTC, and only then") {
  World world;
  world.add_budget(Level::agent, Period::daily, 200);
  world.clock.set("2026-11-21T23:59:59Z");
  world.call({200, 0});
  const auto refused = world.reserve({1, 0});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().resets_at == parse_rfc3339("2026-11-22T00:00:00Z"));
  world.clock.set("2026-11-22T00:00:00Z");
  world.call({200, 0});
  world.clock.set("2026-11-21T23:00:00Z");  // steps back
  CHECK_FALSE(world.reserve({1, 0}));
  world.clock.set("2026-11-22T01:00:00Z");
  CHECK_FALSE(world.reserve({1, 0}));
  world.check_settled();
}

TEST_CASE("what is charged while the clock is stepped back counts in the day that is open") {
  World world;
  world.add_budget(Level::agent, Period::daily, 1'000);
  world.clock.set("2026-11-22T00:30:00Z");
  world.call({600, 0});
  world.clock.set("2026-11-21T23:30:00Z");
  world.call({300, 0});
  CHECK(world.spend(Level::agent).day.value() == 900);
  world.clock.set("2026-11-22T02:00:00Z");
  CHECK(world.spend(Level::agent).day.value() == 900);
  world.check_settled();  // a restart does not lose it
}

TEST_CASE("a restart while the clock is stepped back leaves the day open that charges were made in") {
  World world;
  world.add_budget(Level::agent, Period::daily, 1'000);
  world.clock.set("2026-12-01T00:30:00Z");
  world.call({600, 0});
  world.clock.set("2026-11-30T23:30:00Z");
  world.restart();
  world.call({300, 0});
  world.clock.set("2026-12-01T02:00:00Z");
  CHECK(world.spend(Level::agent).day.value() == 900);
  CHECK(world.spend(Level::agent).month.value() == 900);
  CHECK_FALSE(world.reserve({101, 0}));
  world.check_settled();
}

TEST_CASE("a clock that was a year ahead for a moment leaves budgets in force, and a restart mends the rest") {
  World world;
  world.add_budget(Level::agent, Period::daily, 1'000);
  world.clock.set("2026-11-21T12:00:00Z");
  world.call({600, 0});
  world.clock.set("2027-11-21T12:00:00Z");
  CHECK(world.spend(Level::agent).day.value() == 0);
  world.clock.set("2026-11-21T12:00:05Z");
  world.call({300, 0});
  CHECK(world.text("SELECT created_at FROM usage_events ORDER BY seq DESC LIMIT 1") == "1795262405000000");
  CHECK(world.spend(Level::agent).day.value() == 300);
  CHECK_FALSE(world.reserve({701, 0}));
  world.restart();
  CHECK(world.spend(Level::agent).day.value() == 900);
  world.check_settled();
}

TEST_CASE("a charge belongs to the instant of settling, though it is on disk after midnight only") {
  World world;
  world.slow_disk();
  world.clock.set("2026-11-30T23:59:59Z");
  auto hold = world.reserve({500, 0});
  REQUIRE(hold);
  world.slow->hold();
  auto settled = world.loop.start(World::settle_task(std::move(*hold), {500, 0}));
  REQUIRE(World::soon([&] { return world.slow->waits(); }));
  world.clock.set("2026-12-01T00:00:01Z");
  world.slow->let_go();
  REQUIRE(settled.get());
  CHECK(world.spend().day.value() == 0);
  CHECK(world.spend().month.value() == 0);
  CHECK(world.spend().total.value() == 500);
  world.check_settled();
}

TEST_CASE("a hold counts in every period until it is settled") {
  World world;
  world.add_budget(Level::agent, Period::daily, 300);
  world.clock.set("2026-11-21T23:59:00Z");
  auto hold = world.reserve({200, 0});
  REQUIRE(hold);
  world.clock.set("2026-11-22T00:01:00Z");
  CHECK(world.spend(Level::agent).held.value() == 200);
  auto second = world.start_reserve(world.agent, {200, 0});
  CHECK_FALSE(World::ready(second, std::chrono::milliseconds(100)));
  world.settle(std::move(*hold), {200, 0});
  CHECK_FALSE(second.get());  // the charge is the new day's
  world.check_settled();
}

// --- the ledger
// -------------------------------------------------------------------------------------------------------------

TEST_CASE("a purchase is made once, however often it is sent") {
  World world;
  const auto first = world.append(1'000, "a");
  REQUIRE(first);
  CHECK_FALSE(first->replayed);
  const auto again = world.append(1'000, "a");
  REQUIRE(again);
  CHECK(again->replayed);
  CHECK(again->seq == first->seq);
  CHECK(world.tenant->balance().balance.value() == 1'000);
  const auto other = world.append(1'001, "a");
  REQUIRE_FALSE(other);
  CHECK(other.error().code == Code::idempotency_mismatch);
  CHECK(world.number("SELECT count(*) FROM audit_logs WHERE event_type = 'ledger.append'") == 1);
  world.check_settled();
}

TEST_CASE("an adjustment below zero is refused unless it is meant") {
  World world;
  REQUIRE(world.append(100, "buy"));
  const auto refused = world.append(-101, "a");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::insufficient_credits);
  CHECK(world.tenant->balance().balance.value() == 100);
  REQUIRE(world.append(-100, "b"));
  REQUIRE(world.append(-50, "c", true));
  CHECK(world.tenant->balance().balance.value() == -50);
  REQUIRE(world.append(10, "d"));  // a purchase into the red is no fall
  CHECK(world.number("SELECT count(*) FROM audit_logs WHERE event_type = 'ledger.append'") == 4);
  world.check_settled();
}

TEST_CASE("a dry run leaves nothing") {
  World world;
  const auto dry = world.append(1'000, "a", false, true);
  REQUIRE(dry);
  CHECK(dry->entry.amount.value() == 1'000);
  CHECK(world.tenant->balance().balance.value() == 0);
  CHECK(world.number("SELECT count(*) FROM ledger") == 0);
  CHECK_FALSE(world.append(-1, "b", false, true));
  world.check_settled();
}

TEST_CASE("credits that are bought let a waiting call go") {
  World world(Credits::of(0));
  REQUIRE(world.append(300, "buy"));
  auto first = world.reserve();
  REQUIRE(first);
  auto second = world.start_reserve(world.agent, {});
  REQUIRE_FALSE(World::ready(second, std::chrono::milliseconds(100)));
  REQUIRE(world.append(100, "more"));
  REQUIRE(World::ready(second, std::chrono::seconds(3)));
  auto hold = second.get();
  REQUIRE(hold);
  world.settle(std::move(*first), {1, 0});
  world.settle(std::move(*hold), {1, 0});
  world.check_settled();
}

// --- refunds
// ------------------------------------------------------------------------------------------------------------------

TEST_CASE("a refund gives back what is left, once") {
  World world;
  const auto id = world.call({100, 50});
  const auto first = world.refund(id, std::nullopt, "a", "because");
  REQUIRE(first);
  CHECK(first->entry.amount.value() == 200);
  CHECK_FALSE(first->replayed);
  // The same request once more, as after a lost answer.
  const auto retried = world.refund(id, std::nullopt, "a", "because");
  REQUIRE(retried);
  CHECK(retried->replayed);
  CHECK(retried->seq == first->seq);
  CHECK(retried->entry.amount.value() == 200);
  const auto again = world.refund(id, std::nullopt, "b");
  REQUIRE_FALSE(again);
  CHECK(again.error().code == Code::conflict);
  CHECK(world.tenant->balance().balance.value() == 0);
  CHECK(world.spend().total.value() == 0);
  CHECK(world.number("SELECT count(*) FROM audit_logs WHERE event_type = 'ledger.refund'") == 1);
  world.check_settled();
}

TEST_CASE("refunds together never exceed the charge, and a key is one refund's alone") {
  World world;
  const auto id = world.call({100, 50});
  const auto other = world.call({100, 50});
  REQUIRE(world.refund(id, 150, "a"));
  CHECK(world.refund(id, 51, "b").error().code == Code::conflict);
  CHECK(world.refund(id, 0, "c").error().code == Code::conflict);
  CHECK(world.refund(id, -5, "d").error().code == Code::conflict);
  const auto rest = world.refund(id, std::nullopt, "e");
  REQUIRE(rest);
  CHECK(rest->entry.amount.value() == 50);
  CHECK(world.refund(id, std::nullopt, "e")->replayed);
  CHECK(world.refund(id, 50, "e")->replayed);
  CHECK(world.refund(id, 49, "e").error().code == Code::idempotency_mismatch);
  CHECK(world.refund(id, std::nullopt, "e", "another reason").error().code == Code::idempotency_mismatch);
  CHECK(world.refund(other, std::nullopt, "e").error().code == Code::idempotency_mismatch);
  CHECK(world.refund(RequestId::mint(1), std::nullopt, "f").error().code == Code::not_found);
  CHECK(world.tenant->balance().balance.value() == -200);
  world.check_settled();
}

TEST_CASE("a refund restores the budgets of the periods in which the call was charged, while they last") {
  World world;
  world.clock.set("2026-11-20T12:00:00Z");
  const auto yesterday = world.call({100, 0});
  world.clock.set("2026-11-21T12:00:00Z");
  const auto today = world.call({10, 0});
  REQUIRE(world.refund(yesterday, std::nullopt, "a"));
  CHECK(world.spend().day.value() == 10);
  CHECK(world.spend().month.value() == 10);
  CHECK(world.spend().total.value() == 10);
  REQUIRE(world.refund(today, 4, "b"));
  CHECK(world.spend(Level::key).day.value() == 6);
  CHECK(world.spend(Level::key).month.value() == 6);
  world.clock.set("2026-12-01T12:00:00Z");
  REQUIRE(world.refund(today, 6, "c"));
  CHECK(world.spend().month.value() == 0);
  CHECK(world.spend().total.value() == 0);
  world.check_settled();
}

// --- exhausted
// ---------------------------------------------------------------------------------------------------------------

TEST_CASE(
    "agents are BUDGET_EXHAUSTED once an auto_disable budget above them is spent, and the turn is audited "
    "once") {
  World world;
  const Agent other = world.add_agent("two");
  world.add_budget(Level::workspace, Period::daily, 300, true);
  world.add_budget(Level::org, Period::daily, 100, false);  // spent as well, but does not disable
  domain::Policy policy;
  world.call({99, 0});
  const auto exhausted = [&](const Agent& who) {
    const auto snapshot = world.tenant->snapshot();
    return world.tenant->exhausted(*snapshot, *snapshot->find(who.agent.bytes));
  };
  CHECK_FALSE(exhausted(world.agent));
  const auto audits = [&] {
    return world.number("SELECT count(*) FROM audit_logs WHERE event_type = 'budget.exhausted'");
  };
  auto hold = world.reserve({1, 0});
  REQUIRE(hold);
  world.settle(std::move(*hold), {201, 0});
  CHECK(exhausted(world.agent));
  CHECK_FALSE(exhausted(other));
  REQUIRE(World::soon([&] { return audits() == 1; }));
  CHECK(world.text("SELECT resource_name FROM audit_logs WHERE event_type = 'budget.exhausted'") == "acme/one");
  CHECK_FALSE(world.reserve({1, 0}));
  world.restart();
  CHECK(exhausted(world.agent));
  world.clock.set("2026-11-22T00:00:00Z");
  CHECK_FALSE(exhausted(world.agent));
  CHECK(audits() == 1);
}
