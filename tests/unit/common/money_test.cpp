#include "common/money.h"

#include <catch2/catch.hpp>
#include <random>

using namespace govctl;

namespace {

Cost cost_of(std::int64_t quantity, const char* price, std::int64_t unit) {
  Cost cost;
  REQUIRE(cost.add(quantity, *Price::parse(price), unit));
  return cost;
}

}  // namespace

TEST_CASE("credits are decimal digits, nothing else") {
  CHECK(Credits::parse("0")->value() == 0);
  CHECK(Credits::parse("-0")->value() == 0);
  CHECK(Credits::parse("+5")->value() == 5);
  CHECK(Credits::parse("-5")->value() == -5);
  CHECK(Credits::parse("9007199254740991")->value() == 9007199254740991);
  CHECK(Credits::parse("-9007199254740991")->value() == -9007199254740991);
  for (const char* text : {"",
                           "-",
                           "+",
                           "0100",
                           "-01",
                           "+-5",
                           "--5",
                           " 5",
                           "5 ",
                           "5.0",
                           "1e3",
                           "0x10",
                           "1_000",
                           "9007199254740992",
                           "-9007199254740992",
                           "9223372036854775807",
                           "9223372036854775808",
                           "18446744073709551616",
                           "99999999999999999999999999999999999999999",
                           "٣"}) {
    INFO(text);
    const auto parsed = Credits::parse(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == Code::invalid);
  }
}

TEST_CASE("credits do not wrap") {
  const Credits most = Credits::of(std::int64_t{INT64_MAX});
  const Credits least = Credits::of(std::int64_t{INT64_MIN});
  CHECK_FALSE(most.plus(Credits::of(1)));
  CHECK_FALSE(least.minus(Credits::of(1)));
  CHECK_FALSE(least.plus(Credits::of(-1)));
  CHECK(most.plus(Credits::of(-1))->value() == INT64_MAX - 1);
  CHECK(Credits::of(0).minus(most)->value() == -INT64_MAX);
  CHECK_FALSE(Credits::of(0).minus(least));
}

TEST_CASE("a price is a decimal with up to 8 decimals, 0 to 1000000") {
  CHECK(Price::parse("0.00015")->e8() == 15'000);
  CHECK(Price::parse("2")->e8() == 200'000'000);
  CHECK(Price::parse("0")->e8() == 0);
  CHECK(Price::parse("0.00000001")->e8() == 1);
  CHECK(Price::parse("1000000")->e8() == 100'000'000'000'000);
  CHECK(Price::parse("0.000150000000000")->e8() == 15'000);  // zeros say nothing
  for (const char* text : {"",
                           "-1",
                           "+1",
                           ".5",
                           "1.",
                           "00",
                           "01",
                           "0.000000001",
                           "0.0000000010001",
                           "1000000.00000001",
                           "1000001",
                           "1e-3",
                           "1,5",
                           "1.2.3",
                           "nan",
                           "0x1",
                           " 1",
                           "9223372036854775808",
                           "170141183460469231731687303715884105728",
                           "1..2"}) {
    INFO(text);
    CHECK_FALSE(Price::parse(text));
  }
  for (const char* text : {"0.00015", "2", "0", "0.00000001", "1000000", "12.5", "0.1", "999999.99999999"}) {
    CHECK(Price::parse(text)->text() == text);
  }
}

TEST_CASE("a cost is exact and printed exactly") {
  CHECK(cost_of(1, "0.00015", 1000).usd() == "0.00000015");
  CHECK(cost_of(1, "0.00000001", 1'000'000).usd() == "0.00000000000001");
  CHECK(cost_of(3, "0.1", 1).usd() == "0.3");
  CHECK(cost_of(0, "5", 1000).usd() == "0");
  CHECK(cost_of(1'000'000'000'000, "1000000", 1).usd() == "1000000000000000000");
  Cost sum;
  for (int i = 0; i < 10; ++i) REQUIRE(sum.add(cost_of(1, "0.1", 1)));
  CHECK(sum.usd() == "1");
  CHECK(Cost::parse_usd("0.00000015")->usd() == "0.00000015");
  CHECK_FALSE(Cost::parse_usd("-1"));
}

TEST_CASE("a cost refuses what is out of range and stays as it was") {
  Cost cost = cost_of(7, "1", 1);
  CHECK_FALSE(cost.add(-1, *Price::parse("1"), 1));
  CHECK_FALSE(cost.add(1'000'000'000'001, *Price::parse("1"), 1));
  CHECK_FALSE(cost.add(1, *Price::parse("1"), 10));
  CHECK_FALSE(cost.add(1, *Price::parse("1"), 0));
  CHECK(cost.usd() == "7");
}

TEST_CASE("credits round up once, at the end") {
  // 0.00000015 USD at 100 credits a USD is 0.000015 credits.
  CHECK(cost_of(1, "0.00015", 1000).credits(100)->value() == 1);
  CHECK(cost_of(0, "0.00015", 1000).credits(100)->value() == 0);
  CHECK(cost_of(1000, "0.01", 1000).credits(100)->value() == 1);
  CHECK(cost_of(1001, "0.01", 1000).credits(100)->value() == 2);
  CHECK(cost_of(1, "0.00000001", 1'000'000).credits(1)->value() == 1);
  CHECK(cost_of(1000, "0.0025", 1000).credits(1'000'000)->value() == 2500);
  // Ten terms of a tenth of a credit are one credit, not ten.
  Cost ten;
  for (int i = 0; i < 10; ++i) REQUIRE(ten.add(1, *Price::parse("0.001"), 1));
  CHECK(ten.credits(100)->value() == 1);
  REQUIRE(ten.add(1, *Price::parse("0.00000001"), 1));
  CHECK(ten.credits(100)->value() == 2);
}

TEST_CASE("credits beyond 2^53-1 are an error, not a wrap") {
  CHECK(cost_of(9'007'199, "1", 1).credits(1'000'000'000)->value() == 9'007'199'000'000'000);
  CHECK_FALSE(cost_of(9'007'200, "1", 1).credits(1'000'000'000));
  CHECK_FALSE(cost_of(1'000'000'000'000, "1000000", 1).credits(1'000'000'000));
  CHECK_FALSE(cost_of(1'000'000'000'000, "1000000", 1).credits(1));
}

TEST_CASE("credits agree with a slow division of big integers") {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const auto quantity = static_cast<std::int64_t>(random() % 10'000'000);
    const auto e8 = static_cast<std::int64_t>(random() % 100'000'000'000ULL);
    const auto rate = static_cast<std::int64_t>(random() % 1'000'000'000 + 1);
    Cost cost;
    REQUIRE(cost.add(quantity, Price::of_e8(e8), 1000));
    const auto credits = cost.credits(rate);
    // quantity x e8 / 10^8 / 1000 x rate
    const Int128 top = Int128{quantity} * e8 * rate;
    const Int128 unit = Int128{100'000'000} * 1000;
    const Int128 expected = (top + unit - 1) / unit;
    if (expected > max_amount) {
      REQUIRE_FALSE(credits);
    } else {
      REQUIRE(credits);
      REQUIRE(credits->value() == static_cast<std::int64_t>(expected));
    }
  }
}

TEST_CASE("a limit in USD rounds down") {
  CHECK(limit_in_credits("50", 100)->value() == 5000);
  CHECK(limit_in_credits("0.999", 100)->value() == 99);
  CHECK(limit_in_credits("0.00000001", 1'000'000)->value() == 0);
  CHECK(limit_in_credits("1.99999999", 1'000'000'000)->value() == 1'999'999'990);
  CHECK(limit_in_credits("9007199254740991", 1)->value() == 9007199254740991);
  for (const char* text : {"-1", "", "1e9", "9007199254740992", "01", "0.000000001"}) {
    INFO(text);
    CHECK_FALSE(limit_in_credits(text, 1));
  }
  CHECK_FALSE(limit_in_credits("9007199254740991", 2));
}

TEST_CASE("what credits stand for is rounded down, so that it is never more than they are") {
  CHECK(Cost::of_credits(Credits::of(1), 100).usd() == "0.01");
  CHECK(Cost::of_credits(Credits::of(1), 3).usd() == "0.33333333333333");
  CHECK(Cost::of_credits(Credits::of(1), 3).credits(3)->value() == 1);
}
