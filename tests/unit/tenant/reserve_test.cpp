// Reserve and settle: no overspend under concurrency, nothing leaked, memory and disk agreeing.

#include "world.h"

using namespace govctl;
using namespace govctl::tenant;
using namespace govctl::tenant::test;
using domain::Cause;
using domain::Period;

namespace {

// Calls at once from several loops, each settling as soon as it is admitted; how many were.
struct Flood {
  std::atomic<int> admitted = 0, refused = 0, failed = 0;
  std::atomic<Cause> cause = Cause::bad_request;

  static asio::awaitable<bool> one(CallFacts facts, Sizes used, Flood& flood) {
    auto hold = co_await World::reserve_task(std::move(facts));
    if (!hold) {
      flood.cause = hold.error().cause;
      ++flood.refused;
      co_return false;
    }
    auto charge = co_await World::settle_task(std::move(*hold), used);
    ++(charge ? flood.admitted : flood.failed);
    co_return true;
  }
  void run(World& world, const Agent& who, int calls, Sizes asked, Sizes used) {
    std::array<Loop, 3> loops;
    std::vector<std::future<bool>> ends;
    for (int i = 0; i < calls; ++i) {
      ends.push_back(loops[static_cast<std::size_t>(i) % 3].start(one(world.facts(who, asked), used, *this)));
    }
    for (auto& end : ends) end.get();
    world.settle_writer();
  }
};

}  // namespace

TEST_CASE("256 parallel calls at room for 50 of them: exactly 50, on every level and the balance") {
  // The worst case is what is charged: 100 + 2 x 50 = 200.
  constexpr Sizes sizes{100, 50};
  const auto exactly_50 = [&](World& world, const Agent& who, Cause cause) {
    Flood flood;
    flood.run(world, who, 256, sizes, sizes);
    CHECK(flood.admitted == 50);
    CHECK(flood.refused == 206);
    CHECK(flood.failed == 0);
    CHECK(flood.cause == cause);
    CHECK(world.spend().total.value() == 50 * 200);
    world.check_settled();
  };
  SECTION("budget") {
    using Hung = std::pair<Level, Period>;
    const auto [level, period] = GENERATE(values<Hung>({{Level::org, Period::daily},
                                                        {Level::org, Period::monthly},
                                                        {Level::org, Period::total},
                                                        {Level::workspace, Period::daily},
                                                        {Level::group, Period::daily},
                                                        {Level::agent, Period::monthly},
                                                        {Level::key, Period::total}}));
    World world;
    INFO(level_word(level) << " " << domain::period_word(period));
    world.add_budget(level, period, 50 * 200 + 199);
    exactly_50(world, world.agent, Cause::budget);
  }
  SECTION("the key's own limit") {
    World world;
    exactly_50(world, world.add_agent("two", 50 * 200), Cause::key_limit);
  }
  SECTION("the balance") {
    World world(Credits::of(0));
    REQUIRE(world.append(50 * 200, "buy"));
    exactly_50(world, world.agent, Cause::credits);
    CHECK(world.tenant->balance().balance.value() == 0);
  }
  SECTION("the balance and the overdraft") {
    World world(Credits::of(40 * 200));
    REQUIRE(world.append(10 * 200, "buy"));
    exactly_50(world, world.agent, Cause::credits);
    CHECK(world.tenant->balance().balance.value() == -40 * 200);
  }
}

TEST_CASE(
    "calls that cost less than their worst case: as many as the budget pays for, those that waited among "
    "them") {
  World world;
  world.add_budget(Level::agent, Period::total, 2'000);
  Flood flood;
  flood.run(world, world.agent, 60, {100, 50}, {100, 5});  // hold 200, cost 110
  // The seventeenth goes with 240 left; 130 are too few for one more.
  CHECK(flood.admitted == 17);
  CHECK(world.spend(Level::agent).total.value() == 17 * 110);
  CHECK(world.number("SELECT count(*) FROM usage_events WHERE flags LIKE '%waited%'") > 0);
  world.check_settled();
}

TEST_CASE("a call waits for calls in flight and goes when they have settled for less") {
  World world;
  world.add_budget(Level::agent, Period::total, 300);
  auto first = world.reserve();
  REQUIRE(first);
  CHECK(first->reserved().value() == 200);
  auto second = world.start_reserve(world.agent, {});
  CHECK_FALSE(World::ready(second, std::chrono::milliseconds(100)));
  world.settle(std::move(*first), {10, 0});
  REQUIRE(World::ready(second, std::chrono::seconds(3)));
  auto hold = second.get();
  REQUIRE(hold);
  CHECK(hold->reserved().value() == 200);
  world.settle(std::move(*hold), {10, 0});
  CHECK(world.number("SELECT count(*) FROM usage_events WHERE flags = 'waited'") == 1);
  world.check_settled();
}

TEST_CASE("who waits and can never be met is refused as soon as that is clear, behind others, too") {
  World world;
  world.add_budget(Level::agent, Period::total, 1'000);
  auto a = world.reserve({200, 100});  // 400
  auto b = world.reserve({300, 100});  // 500
  REQUIRE(a);
  REQUIRE(b);
  auto small = world.start_reserve(world.agent, {200, 50});  // 300: room once b has settled for little
  REQUIRE_FALSE(World::ready(small, std::chrono::milliseconds(100)));
  auto large = world.start_reserve(world.agent, {600, 50});  // 700: more than a leaves, whatever b does
  REQUIRE_FALSE(World::ready(large, std::chrono::milliseconds(100)));
  world.settle(std::move(*a), {200, 100});
  REQUIRE(World::ready(large, std::chrono::seconds(3)));
  const auto refused = large.get();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().cause == Cause::budget);
  CHECK(refused.error().spent == 400);
  CHECK_FALSE(World::ready(small));
  world.settle(std::move(*b), {100, 0});
  auto admitted = small.get();
  REQUIRE(admitted);
  world.settle(std::move(*admitted), {1, 0});
  world.check_settled();
}

TEST_CASE("only who needs the same money waits behind another") {
  World world;
  const Agent other = world.add_agent("two");
  world.add_budget(Level::agent, Period::total, 1'000);
  world.add_budget_at(Level::agent, other.agent.bytes, Period::total, 1'000);
  auto a = world.reserve({800, 0});
  REQUIRE(a);
  auto waiting = world.start_reserve(world.agent, {300, 0});
  REQUIRE_FALSE(World::ready(waiting, std::chrono::milliseconds(100)));
  auto elsewhere = world.start_reserve(other, {300, 0});
  REQUIRE(World::ready(elsewhere, std::chrono::seconds(2)));
  auto behind = world.start_reserve(world.agent, {100, 0});  // would fit, but the older one needs it
  REQUIRE_FALSE(World::ready(behind, std::chrono::milliseconds(100)));
  world.settle(std::move(*a), {10, 0});
  auto oldest = waiting.get();
  auto newest = behind.get();
  auto unhindered = elsewhere.get();
  REQUIRE(oldest);
  REQUIRE(newest);
  REQUIRE(unhindered);
  world.settle(std::move(*oldest), {1, 0});
  world.settle(std::move(*newest), {1, 0});
  world.settle(std::move(*unhindered), {1, 0});
  CHECK(world.number("SELECT count(*) FROM usage_events WHERE flags LIKE '%waited%'") == 2);
  world.check_settled();
}

TEST_CASE("one who waited and went leaves no place behind that others stand at") {
  World world;
  world.add_budget(Level::agent, Period::total, 1'000);
  auto a = world.reserve({800, 0});
  REQUIRE(a);
  auto gone = std::make_unique<Loop>();
  auto waiting = gone->start(World::reserve_task(world.facts(world.agent, {300, 0})));
  REQUIRE_FALSE(World::ready(waiting, std::chrono::milliseconds(100)));
  auto behind = world.start_reserve(world.agent, {100, 0});
  REQUIRE_FALSE(World::ready(behind, std::chrono::milliseconds(100)));
  gone.reset();  // the oldest one's coroutine dies
  REQUIRE(World::ready(behind, std::chrono::seconds(3)));
  auto hold = behind.get();
  REQUIRE(hold);
  world.settle(std::move(*hold), {1, 0});
  world.settle(std::move(*a), {1, 0});
  world.check_settled();
}

TEST_CASE("who is admitted in the moment in which its time is up holds once") {
  World world;
  world.add_budget(Level::agent, Period::total, 2'000);
  std::vector<Hold> holders;
  for (int i = 0; i < 100; ++i) {
    auto hold = world.reserve({20, 0});
    REQUIRE(hold);
    holders.push_back(std::move(*hold));
  }
  std::array<Loop, 3> loops;
  std::vector<std::future<bool>> ends;
  Flood flood;
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 300; ++i) {
    ends.push_back(loops[static_cast<std::size_t>(i) % 3].start(
        Flood::one(world.facts(world.agent, {20, 0}), Sizes{0, 0}, flood)));
  }
  // The waiting ends after five seconds: just then calls settle, one after another.
  std::this_thread::sleep_until(began + std::chrono::milliseconds(4'950));
  for (auto& holder : holders) {
    world.settle(std::move(holder), {0, 0});
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (auto& end : ends) end.get();
  world.settle_writer();
  CHECK(flood.admitted + flood.refused == 300);
  CHECK(flood.failed == 0);
  world.check_settled();
}

TEST_CASE("less output is held where that fits, and never less than 256 tokens") {
  World world;
  world.add_budget(Level::key, Period::monthly, 1'000);
  auto hold = world.reserve({100, 1'000});
  REQUIRE(hold);
  CHECK(hold->clamped());
  CHECK(hold->output_tokens() == 450);
  CHECK(hold->reserved().value() == 1'000);
  world.settle(std::move(*hold), {100, 150});        // 400
  const auto refused = world.reserve({100, 1'000});  // 600 are left, 612 the least
  REQUIRE_FALSE(refused);
  CHECK(refused.error().cause == Cause::budget);
  CHECK(refused.error().needed == 2'100);
  CHECK(world.text("SELECT flags FROM usage_events") == "clamped");
  world.check_settled();
}

TEST_CASE("a policy may turn clamping off") {
  World world;
  domain::Policy policy;
  policy.clamp = false;
  world.add_policy(policy);
  world.add_budget(Level::key, Period::monthly, 1'000);
  CHECK_FALSE(world.reserve({100, 1'000}));
}

TEST_CASE("a call that was not settled settles itself, once") {
  World world;
  world.add_budget(Level::agent, Period::total, 1'000);
  {
    auto hold = world.reserve();
    REQUIRE(hold);
    CHECK(world.tenant->balance().reserved.value() == 200);
    CHECK(world.number("SELECT count(*) FROM reservations") == 1);
    hold->outcome().sent = true;
    hold->outcome().relayed_bytes = 40;
  }
  REQUIRE(World::soon([&] { return world.tenant->inflight() == 0; }));
  CHECK(world.number("SELECT count(*) FROM usage_events") == 1);
  CHECK(world.text("SELECT status || ' ' || cause || ' ' || flags FROM usage_events") ==
        "ERROR abandoned estimated");
  CHECK(world.number("SELECT credits_charged FROM usage_events") == 25 + 2 * 10);
  CHECK(world.number("SELECT count(*) FROM ledger") == 1);
  world.check_settled();
}

TEST_CASE("a call that never reached its provider costs nothing and leaves an event") {
  World world;
  {
    REQUIRE(world.reserve());
  }
  REQUIRE(World::soon([&] { return world.tenant->inflight() == 0; }));
  CHECK(world.number("SELECT credits_charged FROM usage_events") == 0);
  CHECK(world.number("SELECT count(*) FROM ledger") == 0);
  world.check_settled();
}

TEST_CASE("a hold is moved, not doubled") {
  World world;
  auto hold = world.reserve();
  REQUIRE(hold);
  Hold moved = std::move(*hold);
  Hold again = std::move(moved);
  world.settle(std::move(again), {100, 50});
  CHECK(world.number("SELECT count(*) FROM usage_events") == 1);
  world.check_settled();
}

TEST_CASE("usage above the hold is charged in full") {
  World world;
  auto hold = world.reserve();
  REQUIRE(hold);
  const auto charge = world.settle(std::move(*hold), {1'000, 500});
  CHECK(charge.credits.value() == 2'000);
  CHECK(world.text("SELECT flags FROM usage_events") == "over_hold");
  CHECK(world.spend().total.value() == 2'000);
  world.check_settled();
}

TEST_CASE("what cannot be written is not done: nothing is held, no rate is used up") {
  World world;
  domain::Policy policy;
  policy.rpm = 10;
  policy.tpm = 10'000;
  policy.parallel = 1;
  world.add_policy(policy);
  world.call();
  world.writers->close(std::shared_ptr<store::File>(&world.tenant->file(), [](store::File*) {}));
  const auto states =
      world.tenant->rate_states(*world.tenant->snapshot(), *world.facts(world.agent, {}).caller.key);
  for (int i = 0; i < 3; ++i) {
    const auto refused = world.reserve();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().cause == Cause::unavailable);
  }
  CHECK(world.tenant->inflight() == 0);
  CHECK(world.spend().held.value() == 0);
  const auto after =
      world.tenant->rate_states(*world.tenant->snapshot(), *world.facts(world.agent, {}).caller.key);
  REQUIRE(after.size() == states.size());
  for (std::size_t i = 0; i < after.size(); ++i) CHECK(after[i].remaining == states[i].remaining);
}

TEST_CASE("a settlement that cannot be written keeps its hold; the next start settles it") {
  World world;
  auto hold = world.reserve();
  REQUIRE(hold);
  world.writers->close(std::shared_ptr<store::File>(&world.tenant->file(), [](store::File*) {}));
  const auto charge = world.loop.run(World::settle_task(std::move(*hold), {10, 0}));
  REQUIRE_FALSE(charge);
  CHECK(charge.error().code == Code::unavailable);
  CHECK(world.spend().held.value() == 200);
  world.tenant->flush_refusals();
  CHECK(World::soon([&] { return world.spend().held.value() == 200; }));
  CHECK(world.spend().total.value() == 0);
  world.restart();
  CHECK(world.number("SELECT credits_charged FROM usage_events") == 200);
  world.check_settled();
}
