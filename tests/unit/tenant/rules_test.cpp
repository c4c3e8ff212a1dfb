// Keys, rules and rates as a call meets them; refusals as they are recorded.

#include "world.h"

using namespace govctl;
using namespace govctl::tenant;
using namespace govctl::tenant::test;
using domain::Cause;
using domain::Period;

namespace {

Cause refusal_of(World& world, Sizes sizes = {}) {
  auto hold = world.reserve(sizes);
  REQUIRE_FALSE(hold);
  return hold.error().cause;
}

domain::ApiKey key_of(World& world) {
  const auto caller = world.registry->authenticate(world.agent.hash);
  REQUIRE(caller);
  return caller->snapshot->key(*caller->key);
}

}  // namespace

TEST_CASE("a key works until it is revoked or expires, and not one call longer") {
  World world;
  domain::ApiKey key = key_of(world);
  SECTION("revoked") {
    key.revoked_at = world.clock.now();
    key.revoke_reason = "lost";
    REQUIRE(world.change([&](store::Transaction& tx) { return store::update_key(tx, key); }));
    const auto caller = world.registry->authenticate(world.agent.hash);
    REQUIRE_FALSE(caller);
    CHECK(caller.error().code == Code::unauthenticated);
    CHECK(caller.error().message == "the API key …12345678 was revoked");
    world.restart();
    CHECK_FALSE(world.registry->authenticate(world.agent.hash));
  }
  SECTION("expired, to the microsecond") {
    key.expires_at = Timestamp{world.clock.now().micros + 10'000'000};
    REQUIRE(world.change([&](store::Transaction& tx) { return store::update_key(tx, key); }));
    CHECK(world.registry->authenticate(world.agent.hash));
    world.clock.advance_seconds(10);
    CHECK(world.registry->authenticate(world.agent.hash).error().code == Code::unauthenticated);
  }
  SECTION("revoked after a grace") {
    key.revoked_at = Timestamp{world.clock.now().micros + 10'000'000};
    REQUIRE(world.change([&](store::Transaction& tx) { return store::update_key(tx, key); }));
    CHECK(world.registry->authenticate(world.agent.hash));
    world.clock.advance_seconds(11);
    CHECK_FALSE(world.registry->authenticate(world.agent.hash));
  }
  SECTION("unknown") {
    CHECK(world.registry->authenticate(domain::sha256("another")).error().message ==
          "this API key is not known");
  }
}

TEST_CASE("what is inactive or frozen refuses, on each level") {
  World world;
  const auto snapshot = world.tenant->snapshot();
  const domain::Freeze freeze{world.clock.now(), "incident 7"};
  SECTION("org") {
    domain::Org org = snapshot->config().org;
    org.active = false;
    REQUIRE(world.change([&](store::Transaction& tx) { return store::update_org(tx, org); }));
    CHECK(refusal_of(world) == Cause::inactive);
  }
  SECTION("workspace") {
    domain::Workspace row = snapshot->config().workspaces[0];
    row.active = false;
    REQUIRE(world.change([&](store::Transaction& tx) { return store::update_workspace(tx, row); }));
    CHECK(refusal_of(world) == Cause::inactive);
  }
  SECTION("group") {
    domain::AgentGroup row = snapshot->config().groups[0];
    row.frozen = freeze;
    REQUIRE(world.change([&](store::Transaction& tx) { return store::update_group(tx, row); }));
    auto hold = world.reserve();
    REQUIRE_FALSE(hold);
    CHECK(hold.error().cause == Cause::frozen);
    CHECK(hold.error().message == "group acme/one/one is frozen: incident 7");
  }
  SECTION("agent") {
    domain::Agent row = snapshot->config().agents[0];
    row.active = false;
    REQUIRE(world.change([&](store::Transaction& tx) { return store::update_agent(tx, row); }));
    CHECK(refusal_of(world) == Cause::inactive);
  }
  SECTION("a deleted agent's key is not known") {
    REQUIRE(world.change([&](store::Transaction& tx) -> Result<void> {
      auto gone = store::delete_agent(tx, world.agent.agent, "gone", world.clock.now());
      return gone ? Result<void>{} : std::unexpected(gone.error());
    }));
    CHECK_FALSE(world.registry->authenticate(world.agent.hash));
  }
  CHECK(world.tenant->inflight() == 0);
}

TEST_CASE("a change is in force when it returns; one that fails changes nothing") {
  World world;
  world.add_budget(Level::agent, Period::total, 199);
  CHECK(refusal_of(world) == Cause::budget);
  domain::Budget budget = world.tenant->snapshot()->config().budgets[0];
  budget.limit = Credits::of(200);
  REQUIRE(world.change([&](store::Transaction& tx) { return store::update_budget(tx, budget); }));
  world.call({100, 50});
  budget.limit = Credits::of(9'000);
  const auto failed = world.change([&](store::Transaction& tx) -> Result<void> {
    if (auto ok = store::update_budget(tx, budget); !ok) return ok;
    return fail(Code::invalid, "no");
  });
  REQUIRE_FALSE(failed);
  CHECK(world.tenant->snapshot()->config().budgets[0].limit.value() == 200);
  CHECK(refusal_of(world) == Cause::budget);
  world.check_settled();
}

TEST_CASE("an org whose file is damaged is unavailable, and the daemon starts without it") {
  World world;
  world.stop();
  {
    SQLite::Database database(world.path(), SQLite::OPEN_READWRITE);
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  std::filesystem::resize_file(world.path(), 2'000);
  world.start();
  CHECK_FALSE(world.tenant);
  CHECK(world.registry->quarantined() == std::vector<std::string>{"acme"});
  const auto caller = world.registry->authenticate(world.agent.hash);
  REQUIRE_FALSE(caller);
  CHECK(caller.error().code == Code::unavailable);
}

// --- rates
// ------------------------------------------------------------------------------------------------------------------

TEST_CASE("calls a minute: refused ones do not count") {
  World world;
  domain::Policy policy;
  policy.rpm = 3;
  world.add_policy(policy);
  for (int i = 0; i < 3; ++i) world.call({1, 0});
  for (int i = 0; i < 5; ++i) {
    auto hold = world.reserve({1, 0});
    REQUIRE_FALSE(hold);
    CHECK(hold.error().cause == Cause::rpm);
    CHECK(hold.error().retry_after_s == 60);
  }
  world.clock.advance_seconds(59);
  CHECK(refusal_of(world, {1, 0}) == Cause::rpm);
  world.clock.advance_seconds(1);
  for (int i = 0; i < 3; ++i) world.call({1, 0});
  CHECK(refusal_of(world, {1, 0}) == Cause::rpm);
}

TEST_CASE("a call refused for money uses up no rate") {
  World world;
  domain::Policy policy;
  policy.rpm = 1;
  world.add_policy(policy);
  const auto budget = world.add_budget(Level::agent, Period::total, 0);
  for (int i = 0; i < 5; ++i) CHECK(refusal_of(world) == Cause::budget);
  REQUIRE(world.change(
      [&](store::Transaction& tx) { return store::delete_budget(tx, budget, world.clock.now()); }));
  world.call();
}

TEST_CASE("parallel calls: a slot is given back however a call ends") {
  World world;
  domain::Policy policy;
  policy.parallel = 2;
  world.add_policy(policy, Level::agent);
  for (int round = 0; round < 3; ++round) {
    auto a = world.reserve({1, 0});
    auto b = world.reserve({1, 0});
    REQUIRE(a);
    REQUIRE(b);
    CHECK(refusal_of(world, {1, 0}) == Cause::parallel);
    world.settle(std::move(*a), {1, 0});
    {
      const Hold dropped = std::move(*b);
    }
    REQUIRE(World::soon([&] { return world.tenant->inflight() == 0; }));
  }
  world.check_settled();
}

TEST_CASE("tokens a minute: counted by what was used once that is known, on the level of the rule") {
  World world;
  domain::Policy policy;
  policy.tpm = 1'000;
  world.add_policy(policy, Level::group);
  // 400 bytes are about 100 tokens, and 800 are asked for: 900.
  auto hold = world.reserve({400, 800});
  REQUIRE(hold);
  CHECK(refusal_of(world, {400, 100}) == Cause::tpm);
  world.settle(std::move(*hold), {50, 50});
  auto next = world.reserve({400, 800});
  REQUIRE(next);
  world.clock.advance_seconds(3);
  world.settle(std::move(*next), {100, 790});
  // 100 + 890 are used.
  CHECK(refusal_of(world, {40, 1}) == Cause::tpm);
  auto last = world.reserve({40, 0});
  REQUIRE(last);
  world.settle(std::move(*last), {10, 0});
}

TEST_CASE("a rate rule that comes while calls are in flight counts the calls that came after it") {
  World world;
  auto before = world.reserve({4'000, 1'000});
  REQUIRE(before);
  domain::Policy policy;
  policy.tpm = 1'000;
  world.add_policy(policy);
  auto after = world.reserve({400, 800});  // 900
  REQUIRE(after);
  world.settle(std::move(*before), {1, 1});  // its 2,000 were never counted here
  CHECK(refusal_of(world, {400, 100}) == Cause::tpm);
  world.settle(std::move(*after), {100, 0});
  const auto states =
      world.tenant->rate_states(*world.tenant->snapshot(), *world.facts(world.agent, {}).caller.key);
  REQUIRE(states.size() == 1);
  CHECK(states[0].remaining == 900);
}

TEST_CASE("the narrowest rate is told") {
  World world;
  domain::Policy wide;
  wide.rpm = 100;
  world.add_policy(wide, Level::org);
  domain::Policy narrow;
  narrow.rpm = 5;
  world.add_policy(narrow, Level::key);
  world.call({1, 0});
  const auto states =
      world.tenant->rate_states(*world.tenant->snapshot(), *world.facts(world.agent, {}).caller.key);
  REQUIRE(states.size() == 1);
  CHECK(states[0].limit == 5);
  CHECK(states[0].remaining == 4);
  CHECK(states[0].reset_s == 60);
}

// --- refusals
// ---------------------------------------------------------------------------------------------------------------

TEST_CASE("refusals have an event each, beyond ten a second one for all the rest, and none is lost at a stop") {
  World world;
  const auto refuse = [&] {
    const CallFacts facts = world.facts(world.agent, {});
    domain::Refusal refusal;
    refusal.cause = Cause::budget;
    refusal.message = "spent";
    refusal.limit = 5;
    const auto task = [](CallFacts whose, domain::Refusal why) -> asio::awaitable<bool> {
      co_return co_await whose.caller.tenant->record_refusal(whose, why, nullptr);
    };
    return world.loop.run(task(facts, refusal));
  };
  for (int i = 0; i < 25; ++i) CHECK(refuse());
  CHECK(world.number("SELECT count(*) FROM usage_events") == 10);
  world.clock.advance_seconds(1);
  world.tenant->flush_refusals();
  REQUIRE(World::soon([&] { return world.number("SELECT count(*) FROM usage_events") == 11; }));
  CHECK(world.number("SELECT sum(count) FROM usage_events") == 25);
  CHECK(world.number("SELECT count FROM usage_events ORDER BY seq DESC LIMIT 1") == 15);
  CHECK(world.text("SELECT status || ' ' || cause || ' ' || decision FROM usage_events LIMIT 1") ==
        "BUDGET_EXCEEDED budget_exceeded {\"limit\":5}");
  for (int i = 0; i < 12; ++i) CHECK(refuse());
  world.restart();  // within the second
  CHECK(world.number("SELECT sum(count) FROM usage_events") == 37);
  CHECK(world.number("SELECT sum(credits_charged) FROM usage_events") == 0);
  CHECK(world.number("SELECT count(*) FROM rule_snapshots") == 1);
  world.check_settled();
}

// --- routes
// -----------------------------------------------------------------------------------------------------------------

TEST_CASE("the provider is found from the model, or named before it") {
  World world;
  const auto caller = world.registry->authenticate(world.agent.hash);
  REQUIRE(caller);
  const auto found = [&](std::string_view model) -> std::string {
    const auto where = route(*caller, model);
    if (!where) return std::string(domain::cause_word(where.error().cause)) + ": " + where.error().next;
    const Candidate& first = where->first();
    return first.provider->name + " " + first.upstream_model + " " + first.price->model;
  };
  CHECK(found("mock-unit") == "mock mock-unit mock-unit");
  CHECK(found("mock/mock-unit") == "mock mock-unit mock-unit");
  CHECK(found("mock-unit-2026-01-01") == "mock mock-unit-2026-01-01 mock-unit");
  CHECK(found("gpt-4o") == "no_credential: govctl credential add acme openai --stdin");
  CHECK(found("openai/gpt-4o") == "no_credential: govctl credential add acme openai --stdin");
  CHECK(found("nobody/knows") == "no_price: govctl pricing set openai nobody/knows --input USD --output USD");
  CHECK(found("mock-none") == "no_price: govctl pricing set mock mock-none --input USD --output USD");
}

TEST_CASE(
    "an alias leads to what of its list can be used, in its order, before any other reading of the name") {
  World world;
  const auto set = [&](const std::string& name, std::vector<domain::ModelTarget> targets) {
    domain::ModelAlias alias{name, std::move(targets), 1, world.clock.now(), world.clock.now()};
    REQUIRE(world.change([&](store::Transaction& tx) { return store::put_alias(tx, alias); }));
  };
  const auto found = [&](std::string_view model) -> std::string {
    const auto where = route(*world.registry->authenticate(world.agent.hash), model);
    if (!where) return std::string(domain::cause_word(where.error().cause)) + ": " + where.error().message;
    std::string names;
    for (const auto& candidate : where->candidates) {
      names += candidate.provider->name + "/" + candidate.upstream_model + " ";
    }
    return names;
  };
  set("mock-unit",
      {{"mock", "mock-unit-2026-01-01"}, {"openai", "gpt-4o"}, {"mock", "none"}, {"mock", "mock-unit"}});
  CHECK(found("mock-unit") == "mock/mock-unit-2026-01-01 mock/mock-unit ");
  set("lost", {{"openai", "gpt-4o"}, {"mock", "none"}});
  CHECK(found("lost") ==
        "no_credential: alias 'lost' leads to no model that this call may use: org acme has no credential for "
        "provider openai; model 'none' at mock has no price, and an unknown price is never free");
  world.restart();
  CHECK(found("mock-unit") == "mock/mock-unit-2026-01-01 mock/mock-unit ");
}

TEST_CASE("a policy's denial is told before a missing price") {
  World world;
  domain::Policy policy;
  policy.allow_models = domain::Globs{"gpt-*"};
  world.add_policy(policy);
  const auto caller = world.registry->authenticate(world.agent.hash);
  const auto where = route(*caller, "mock-none");
  REQUIRE_FALSE(where);
  CHECK(where.error().cause == Cause::model_denied);
  CHECK(refusal_of(world) == Cause::model_denied);
}

TEST_CASE("a credential is opened for the org's calls, the newest active one") {
  World world;
  const auto add = [&](const char* secret, bool active) {
    domain::Credential row;
    row.id = CredentialId::mint(world.clock.now().millis());
    row.provider = "openai";
    row.label = secret;
    row.suffix = "x";
    row.active = active;
    row.created_at = row.updated_at = world.clock.now();
    auto sealed = world.tenant->seal(secrets::Secret(std::string_view(secret)), "openai", row.id);
    REQUIRE(sealed);
    row.data_key_id = sealed->data_key_id;
    row.sealed = sealed->bytes;
    REQUIRE(world.change([&](store::Transaction& tx) { return store::insert_credential(tx, row); }));
    world.clock.advance_seconds(1);
  };
  const auto opened = [&]() -> std::string {
    const auto caller = world.registry->authenticate(world.agent.hash);
    const auto where = route(*caller, "gpt-4o");
    REQUIRE(where);
    return std::string(where->first().credential->reveal());
  };
  add("sk-first", true);
  CHECK(opened() == "sk-first");
  add("sk-second", true);
  add("sk-third", false);
  CHECK(opened() == "sk-second");
  world.restart();
  CHECK(opened() == "sk-second");
}
