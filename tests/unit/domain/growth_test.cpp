#include "daemon/domain/growth.h"

#include <catch2/catch.hpp>

using namespace govctl;
using namespace govctl::domain;

namespace {

// One credit an input token, two an output token, half a credit one that is read from a cache.
ModelPrice some_price() {
  ModelPrice row;
  row.provider = "mock";
  row.model = "mock-model";
  row.prices = {{PriceKind::input, *Price::parse("0.001"), 1000},
                {PriceKind::cache_read, *Price::parse("0.0005"), 1000},
                {PriceKind::output, *Price::parse("0.002"), 1000}};
  return row;
}

struct Rig {
  ModelPrice price = some_price();
  Progress progress;
  MoneyLines money{};
  Rig() {
    progress.price = &price;
    progress.credits_per_usd = 1'000'000;
    progress.input_tokens = 100;
    progress.most_output = 100'000;
  }
  void line(std::int64_t limit, std::int64_t spent, std::int64_t held) {
    MoneyLine line;
    line.cause = Cause::budget;
    line.limit = limit;
    line.spent = spent;
    line.held = held;
    money.add(line);
  }
  Growth at(std::int64_t bytes, std::int64_t reserved) {
    progress.produced_bytes = bytes;
    return grow(progress, Credits::of(reserved), money);
  }
};

using Kind = Growth::Kind;

}  // namespace

TEST_CASE("a hold covers what is produced to its last credit") {
  Rig rig;
  // 2,400 bytes are 1,000 tokens: 100 + 2 x 1,000.
  CHECK(rig.at(2'400, 2'100).kind == Kind::covered);
  const Growth more = rig.at(2'400, 2'099);
  CHECK(more.kind == Kind::grow);
  CHECK(more.needed.value() == 2'100);
}

TEST_CASE("it grows by as much again, and never above what may be produced") {
  Rig rig;
  CHECK(rig.at(24'000, 5'000).hold.value() == 100 + 2 * 20'000);
  rig.progress.most_output = 12'000;
  CHECK(rig.at(24'000, 5'000).hold.value() == 100 + 2 * 12'000);
  // An upstream that does not keep to the bound is charged as it reports; the estimate ends with the bound.
  CHECK(rig.at(240'000, 24'100).kind == Kind::covered);
}

TEST_CASE("it takes the room there is, as long as that covers what is produced") {
  Rig rig;
  rig.line(10'000, 1'000, 2'100);
  CHECK(rig.at(7'200, 2'100).hold.value() == 2'100 + 6'900);
  rig.line(5'000, 0, 1'000);
  const Growth less = rig.at(7'200, 2'100);  // 6,100 are needed
  CHECK(less.kind == Kind::grow);
  CHECK(less.hold.value() == 2'100 + 4'000);
  const Growth none = rig.at(7'203, 2'100);  // 3,001 tokens: 6,102
  CHECK(none.kind == Kind::refuse);
  CHECK(none.needed.value() == 6'102);
  REQUIRE(none.money != nullptr);
  CHECK(none.money->limit == 5'000);
}

TEST_CASE("a limit that was lowered below what is held lets nothing grow") {
  Rig rig;
  rig.line(1'000, 0, 2'100);
  CHECK(rig.at(2'400, 2'100).kind == Kind::covered);
  CHECK(rig.at(4'800, 2'100).kind == Kind::refuse);
}

TEST_CASE("what the upstream reports counts in its own kinds, and its output where it is more") {
  Rig rig;
  Usage usage;
  usage[PriceKind::cache_read] = 1'000;
  usage[PriceKind::output] = 10;
  rig.progress.usage = usage;
  rig.progress.produced_bytes = 2'400;
  CHECK(cost_so_far(rig.progress)->value() == 500 + 2 * 1'000);
  rig.progress.usage->quantity[static_cast<std::size_t>(PriceKind::output)] = 3'000;
  CHECK(cost_so_far(rig.progress)->value() == 500 + 2 * 3'000);
}

TEST_CASE("by estimate a watched call finds room for the first of its output, any other for all of it") {
  const ModelPrice price = some_price();
  Rules rules;
  Ask ask;
  ask.text_bytes = 400;
  ask.max_tokens = 50'000;
  const auto need = [&] {
    return check_rules(rules, ask, "mock", "mock-model", price, 1'000'000)->need().value();
  };
  ask.watched = true;
  CHECK(need() == 400 + 2 * 50'000);
  rules.estimate = true;
  CHECK(need() == 182 + 2 * 1'024);
  ask.choices = 3;
  CHECK(need() == 182 + 3 * 2 * 1'024);
  ask.choices = 1;
  ask.max_tokens = 10;
  CHECK(need() == 182 + 2 * 10);
  ask.max_tokens = 50'000;
  ask.watched = false;
  CHECK(need() == 182 + 2 * 50'000);
}
