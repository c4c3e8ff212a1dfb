// Holds by estimate that grow with what comes out. An input token costs one credit, an output token two.

#include "world.h"

using namespace govctl;
using namespace govctl::tenant;
using namespace govctl::tenant::test;
using domain::Cause;
using domain::Period;

namespace {

struct Watched : World {
  Watched() {
    domain::Policy policy;
    policy.estimate = true;
    add_policy(policy);
  }
  Hold hold_for(std::int64_t output) {
    CallFacts of_call = facts(agent, {100, output});
    of_call.ask.stream = of_call.ask.watched = true;
    auto held = loop.run(reserve_task(std::move(of_call)));
    REQUIRE(held);
    held->outcome().sent = true;
    return std::move(*held);
  }
  std::expected<void, domain::Refusal> extend(Hold& hold, std::int64_t bytes) {
    return loop.run(hold.extend(bytes));
  }
  std::int64_t held_row() { return number("SELECT reserved FROM reservations"); }
};

// A disk that takes nothing while it is full.
class FullDisk final : public store::BlockFile {
 public:
  FullDisk(std::shared_ptr<std::atomic<bool>> full, std::unique_ptr<store::BlockFile> real)
      : full_(std::move(full)), real_(std::move(real)) {}
  Result<void> write(std::uint64_t offset, std::span<const char> bytes) override {
    return *full_ ? Result<void>(fail(Code::unavailable, "no room")) : real_->write(offset, bytes);
  }
  Result<void> sync() override { return real_->sync(); }

 private:
  std::shared_ptr<std::atomic<bool>> full_;
  std::unique_ptr<store::BlockFile> real_;
};

// 100 bytes are 57 tokens by estimate.
constexpr std::int64_t first = 57 + 2 * 1'024;

}  // namespace

TEST_CASE("a hold by estimate begins small, grows durably, and all of it is given back") {
  Watched world;
  world.add_budget(Level::agent, Period::total, 100'000);
  Hold hold = world.hold_for(50'000);
  CHECK(hold.by_estimate());
  CHECK(hold.reserved().value() == first);
  CHECK(world.spend(Level::agent).held.value() == first);
  CHECK(hold.covers_output(2'400));        // 1,000 tokens
  CHECK_FALSE(hold.covers_output(4'800));  // 2,000
  REQUIRE(world.extend(hold, 4'800));
  const std::int64_t grown = 57 + 2 * 4'000;
  CHECK(hold.reserved().value() == grown);
  CHECK(hold.covers_output(9'600));
  CHECK(world.held_row() == grown);
  CHECK(world.spend(Level::agent).held.value() == grown);
  CHECK(world.tenant->balance().reserved.value() == grown);
  CHECK(world.tenant->inflight() == 1);
  hold.outcome().relayed_bytes = 4'800;
  world.settle(std::move(hold), {100, 1'200});
  CHECK(world.number("SELECT reserved FROM usage_events") == grown);
  CHECK(world.number("SELECT credits_charged FROM usage_events") == 100 + 2 * 1'200);
  world.check_settled();
}

TEST_CASE("a hold that finds no room says what has none, and stays as it was") {
  Watched world;
  world.add_budget(Level::group, Period::daily, 5'000);
  Hold hold = world.hold_for(50'000);
  REQUIRE(world.extend(hold, 4'800));
  CHECK(hold.reserved().value() == 5'000);  // what there is
  const auto refused = world.extend(hold, 7'200);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().cause == Cause::budget);
  CHECK(refused.error().limit == 5'000);
  CHECK(refused.error().needed == 57 + 2 * 3'000);
  CHECK(hold.reserved().value() == 5'000);
  CHECK(hold.outcome().decision.find(R"("limit":5000)") != std::string::npos);
  world.settle(std::move(hold), {100, 1'200});
  world.check_settled();
}

TEST_CASE("what one stream took, another does not get") {
  Watched world;
  world.add_budget(Level::agent, Period::total, 10'000);
  Hold one = world.hold_for(50'000);
  Hold two = world.hold_for(50'000);
  REQUIRE(world.extend(one, 7'200));  // 3,000 tokens
  CHECK(one.reserved().value() == 10'000 - first);
  CHECK_FALSE(world.extend(two, 4'800));
  world.settle(std::move(one), {100, 1'200});
  CHECK(world.extend(two, 4'800));
  world.settle(std::move(two), {100, 1'200});
  world.check_settled();
}

TEST_CASE("limits count as they are now") {
  Watched world;
  const BudgetId budget = world.add_budget(Level::agent, Period::total, 3'000);
  Hold hold = world.hold_for(50'000);
  CHECK_FALSE(world.extend(hold, 9'600));
  REQUIRE(world.change(
      [&](store::Transaction& tx) { return store::delete_budget(tx, budget, world.clock.now()); }));
  CHECK(world.extend(hold, 9'600));
  world.settle(std::move(hold), {100, 10});
  world.check_settled();
}

TEST_CASE("a hold whose growth cannot be written stays as it was") {
  Watched world;
  const auto full = std::make_shared<std::atomic<bool>>(false);
  world.options.make_journal = [full](const std::string& path,
                                      std::uint64_t bytes) -> Result<std::unique_ptr<store::BlockFile>> {
    auto real = store::make_block_file(path, bytes);
    if (!real) return std::unexpected(real.error());
    return std::make_unique<FullDisk>(full, std::move(*real));
  };
  world.restart();
  Hold hold = world.hold_for(50'000);
  *full = true;
  const auto refused = world.extend(hold, 4'800);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().cause == Cause::unavailable);
  CHECK(hold.reserved().value() == first);
  CHECK(world.spend().held.value() == first);
  *full = false;
  world.settle(std::move(hold), {100, 10});
  world.check_settled();
}

TEST_CASE("a call that nobody watches is held whole, and never grows") {
  Watched world;
  auto plain = world.reserve({100, 5'000});
  REQUIRE(plain);
  CHECK_FALSE(plain->by_estimate());
  CHECK(plain->reserved().value() == 57 + 2 * 5'000);
  CHECK(plain->covers_output(1'000'000));
  world.settle(std::move(*plain), {100, 10});
  world.check_settled();
}

TEST_CASE("a watched call that was clamped holds all that it may produce") {
  Watched world;
  world.add_budget(Level::agent, Period::total, 1'057);
  Hold hold = world.hold_for(50'000);
  CHECK(hold.clamped());
  CHECK(hold.output_tokens() == 500);
  CHECK(hold.covers_output(1'000'000));
  world.settle(std::move(hold), {100, 10});
  world.check_settled();
}
