#include "daemon/domain/records.h"

#include <catch2/catch.hpp>

#include "daemon/domain/usage.h"

using namespace govctl::domain;

TEST_CASE("the words that are stored and shown") {
  CHECK(call_status_word(CallStatus::success) == "SUCCESS");
  CHECK(call_status_word(CallStatus::error) == "ERROR");
  CHECK(call_status_word(CallStatus::policy_blocked) == "POLICY_BLOCKED");
  CHECK(call_status_word(CallStatus::budget_exceeded) == "BUDGET_EXCEEDED");
  CHECK(parse_call_status("POLICY_BLOCKED") == CallStatus::policy_blocked);
  CHECK_FALSE(parse_call_status("success"));

  CHECK(entry_type_word(EntryType::credit_purchase) == "CREDIT_PURCHASE");
  CHECK(entry_type_word(EntryType::usage_deduction) == "USAGE_DEDUCTION");
  CHECK(entry_type_word(EntryType::adjustment) == "ADJUSTMENT");
  CHECK(entry_type_word(EntryType::refund) == "REFUND");
  CHECK(parse_entry_type("REFUND") == EntryType::refund);
  CHECK_FALSE(parse_entry_type(""));

  CHECK(price_kind_word(PriceKind::cache_write_1h) == "cache_write_1h");
  CHECK(price_kind_word(PriceKind::search) == "search");
  for (std::size_t i = 0; i < price_kind_count; ++i) {
    const auto kind = static_cast<PriceKind>(i);
    CHECK(parse_price_kind(price_kind_word(kind)) == kind);
  }
  CHECK_FALSE(parse_price_kind("Input"));
}

TEST_CASE("flags are words in a fixed order, whatever the order in which they were set") {
  CallFlags flags;
  CHECK(flags.text().empty());
  flags.set(CallFlag::waited);
  flags.set(CallFlag::estimated);
  flags.set(CallFlag::absurd_usage);
  CHECK(flags.text() == "estimated,absurd_usage,waited");
  CHECK(flags.has(CallFlag::waited));
  CHECK_FALSE(flags.has(CallFlag::clamped));
  REQUIRE(CallFlags::parse(flags.text()));
  CHECK(CallFlags::parse(flags.text())->bits == flags.bits);
  CHECK(CallFlags::parse("")->bits == 0);
  CHECK_FALSE(CallFlags::parse("estimated,unheard_of"));
}
