// Who of the calls in flight is told that it may not go on, and when.

#include "world.h"

using namespace govctl;
using namespace govctl::tenant;
using namespace govctl::tenant::test;

namespace {

// A call's place in flight, on a loop of its own, and what it was told.
struct Place {
  explicit Place(World& world, const Agent& who) : Place(world, world.facts(who, {}).caller) {}
  Place(World& world, const Caller& caller) { enter(world, caller); }
  void enter(World& world, const Caller& caller) {
    loop.run(at_loop([this, &world, caller] {
      watch.emplace(world.tenant->watch(caller, loop.context->get_executor(), [this](Stopped why) {
        ++times;
        told = std::move(why);
      }));
    }));
  }
  ~Place() { leave(); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  void leave() {
    loop.run(at_loop([this] { watch.reset(); }));
  }
  // What was told so far.
  std::optional<Stopped> heard() {
    std::optional<Stopped> copy;
    loop.run(at_loop([this, &copy] { copy = told; }));
    return copy;
  }
  // What is told soon.
  std::optional<Stopped> hears() {
    for (int i = 0; i < 1000 && times == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return heard();
  }

  Loop loop;
  std::optional<InFlight::Watch> watch;
  std::optional<Stopped> told;
  std::atomic<int> times = 0;

 private:
  static asio::awaitable<bool> at_loop(std::function<void()> work) {
    work();
    co_return true;
  }
};

Result<void> set_frozen(World& world, store::Transaction& tx, Level level, bool frozen) {
  std::optional<domain::Freeze> freeze;
  if (frozen) freeze = domain::Freeze{world.clock.now(), "spends too much"};
  const auto snapshot = world.tenant->snapshot();
  switch (level) {
    case Level::org: {
      auto row = snapshot->config().org;
      row.frozen = freeze;
      return store::update_org(tx, row);
    }
    case Level::workspace: {
      auto row = snapshot->workspace(*snapshot->find(world.agent.workspace.bytes));
      row.frozen = freeze;
      return store::update_workspace(tx, row);
    }
    case Level::group: {
      auto row = snapshot->group(*snapshot->find(world.agent.group.bytes));
      row.frozen = freeze;
      return store::update_group(tx, row);
    }
    case Level::agent:
    case Level::key:
      break;
  }
  auto row = snapshot->agent(*snapshot->find(world.agent.agent.bytes));
  row.frozen = freeze;
  return store::update_agent(tx, row);
}

}  // namespace

TEST_CASE("a freeze on any level tells the calls below it, once, and nobody else") {
  const Level level = GENERATE(Level::org, Level::workspace, Level::group, Level::agent);
  World world;
  const Agent other = world.add_agent("two");
  Place call(world, world.agent);
  Place others(world, other);
  CHECK_FALSE(call.heard());
  REQUIRE(world.change([&](store::Transaction& tx) { return set_frozen(world, tx, level, true); }));
  REQUIRE(call.hears());
  CHECK(call.heard()->cause == "frozen");
  CHECK(call.heard()->message.find("spends too much") != std::string::npos);
  CHECK((level == Level::org ? others.hears() : others.heard()).has_value() == (level == Level::org));
  // Later changes do not tell it again, and a thaw does not start it again.
  REQUIRE(world.change([&](store::Transaction& tx) { return set_frozen(world, tx, level, false); }));
  REQUIRE(world.change([&](store::Transaction& tx) { return set_frozen(world, tx, level, true); }));
  CHECK(call.heard());
  CHECK(call.times == 1);
}

TEST_CASE("a call that was authenticated before the freeze and enters after it is told at once") {
  World world;
  const Caller before = world.facts(world.agent, {}).caller;
  REQUIRE(world.change([&](store::Transaction& tx) { return set_frozen(world, tx, Level::group, true); }));
  Place call(world, before);
  REQUIRE(call.hears());
  CHECK(call.heard()->cause == "frozen");
}

TEST_CASE("a revoked key's calls are told; a dry run and another change tell nobody") {
  World world;
  Place call(world, world.agent);
  const auto revoke = [&](store::Transaction& tx) -> Result<bool> {
    const auto snapshot = world.tenant->snapshot();
    domain::ApiKey key = snapshot->key(*snapshot->find(world.agent.key.bytes));
    key.revoked_at = world.clock.now();
    if (auto ok = store::update_key(tx, key); !ok) return std::unexpected(ok.error());
    return true;
  };
  REQUIRE(world.loop.run(world.tenant->change<bool>(revoke, true)));
  world.add_agent("two");
  CHECK_FALSE(call.heard());
  REQUIRE(world.loop.run(world.tenant->change<bool>(revoke, false)));
  REQUIRE(call.hears());
  CHECK(call.heard()->cause == "revoked");
  CHECK(call.heard()->message == "the API key …12345678 was revoked");
}

TEST_CASE("a call that has left is told nothing") {
  World world;
  Place call(world, world.agent);
  call.leave();
  REQUIRE(world.change([&](store::Transaction& tx) { return set_frozen(world, tx, Level::org, true); }));
  CHECK_FALSE(call.heard());
}

TEST_CASE("calls that come and go while rules change: each is told at most once, none after it has left") {
  World world;
  std::atomic<bool> over = false;
  std::atomic<int> twice = 0;
  std::vector<std::thread> threads;
  const Caller caller = world.facts(world.agent, {}).caller;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      while (!over) {
        Place call(world, caller);
        call.heard();
        call.leave();
        if (call.times > 1) ++twice;
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    REQUIRE(
        world.change([&](store::Transaction& tx) { return set_frozen(world, tx, Level::org, i % 2 == 0); }));
  }
  over = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(twice == 0);
}
